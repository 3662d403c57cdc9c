package redact

// Spanish, of Spain and of the Americas.
const spokenSpanish = `
digit 0 cero
digit 1 uno una un
digit 2 dos
digit 3 tres
digit 4 cuatro
digit 5 cinco
digit 6 seis
digit 7 siete
digit 8 ocho
digit 9 nueve
plural 0 ceros
plural 1 unos
plural 2 doses
plural 3 treses
plural 4 cuatros
plural 5 cincos
plural 6 seises
plural 7 sietes
plural 8 ochos
plural 9 nueves
teen 10 diez
teen 11 once
teen 12 doce
teen 13 trece
teen 14 catorce
teen 15 quince
teen 16 dieciseis diez_y_seis
teen 17 diecisiete diez_y_siete
teen 18 dieciocho diez_y_ocho
teen 19 diecinueve diez_y_nueve
teen 21 veintiuno veintiun veintiuna
teen 22 veintidos
teen 23 veintitres
teen 24 veinticuatro
teen 25 veinticinco
teen 26 veintiseis
teen 27 veintisiete
teen 28 veintiocho
teen 29 veintinueve
tens 20 veinte
tens 30 treinta
tens 40 cuarenta
tens 50 cincuenta
tens 60 sesenta
tens 70 setenta
tens 80 ochenta
tens 90 noventa
hundred cien ciento
hundreds 200 doscientos doscientas
hundreds 300 trescientos trescientas
hundreds 400 cuatrocientos cuatrocientas
hundreds 500 quinientos quinientas
hundreds 600 seiscientos seiscientas
hundreds 700 setecientos setecientas
hundreds 800 ochocientos ochocientas
hundreds 900 novecientos novecientas
thousand mil
big millon millones billon billones
repeat 2 doble
repeat 3 triple
repeat 4 cuadruple
times veces veces_el
and y
point coma
mark . punto
mark @ arroba
mark - guion guion_medio raya menos
mark _ guion_bajo subrayado barra_baja
mark / barra diagonal slash
mark : dos_puntos
mark + mas
mark # almohadilla numeral
filler eh este em mmm hum ah bueno pues luego y_luego entonces despues y_despues vale ok okay si claro a_ver ahora seguido_de por_ultimo finalmente siguiente aja perfecto digame adelante listo o_sea espacio y_ahora continua
repair no perdon perdona disculpe disculpa espere espera corrijo quiero_decir digo mejor_dicho me_equivoque sino mejor lo_siento un_momento en_vez_de equivocado es_decir empiezo_de_nuevo rectifico en_lugar_de
meta numero numeros digito digitos ultimo ultima ultimos primero primera segundo tercero cuarto quinto es el la los las mi son termina en_un empieza_por empieza_con comienza_por comienza_con empieza con parte grupo que lo esta este esos este_es aqui tengo tiene
stop ningun es el la los las mi me a al con en por para de del su que correo electronico email mail direccion escribir escriba enviar envie mande usuario y o un una puede nos te se esta tengo es_el contacto cuenta yo tu ella nosotros ustedes le les lo si como cuando donde muy tambien ya solo nadie alguien
prep en desde hace hasta durante por para de_las sobre antes despues_de entre a_las
unit cien_por_cien a_eme pe_eme a_m p_m dolar dolares peso pesos euro euros centavo centavos centimos por_ciento minuto minutos hora horas dia dias semana semanas mes meses ano anos tarjeta tarjetas pregunta preguntas vez veces personas hijos cosas grados kilos puntos segundo segundos momento de_la_manana de_la_tarde
month enero febrero marzo abril mayo junio julio agosto septiembre setiembre octubre noviembre diciembre
ordinal primero primer
like de como
letter b be be_larga be_grande be_alta
letter c ce
letter d de
letter f efe
letter g ge
letter h hache
letter i i_latina
letter j jota
letter k ka
letter l ele
letter m eme
letter n ene
letter p pe
letter q cu
letter r erre ere
letter s ese
letter t te
letter v uve ve_corta ve_chica ve
letter w doble_ve doble_u uve_doble ve_doble
letter x equis
letter y i_griega ye
letter z zeta
ask pan numero_de_tarjeta numero_de_la_tarjeta numero_de_su_tarjeta tarjeta_de_credito tarjeta_de_debito dieciseis_digitos tarjeta
ask cvv cvv cvc c_v_v codigo_de_seguridad tres_digitos_del_reverso tres_digitos_de_atras digitos_de_atras numeros_de_atras tres_numeros_de_atras reverso_de_la_tarjeta reverso_de_su_tarjeta detras_de_la_tarjeta parte_de_atras tres_digitos tres_numeros codigo_de_verificacion_de_la_tarjeta tres_cifras
ask pin pin numero_pin clave_secreta clave nip codigo_pin
ask expiry vencimiento fecha_de_vencimiento caducidad fecha_de_caducidad expiracion fecha_de_expiracion vence caduca valida_hasta
ask secret codigo_de_un_solo_uso codigo_de_verificacion codigo_que_le_enviamos codigo_que_le_hemos_enviado codigo_que_recibio codigo_que_ha_recibido codigo_que_le_acabamos_de_enviar codigo_enviado codigo_de_confirmacion clave_de_un_solo_uso codigo_por_sms codigo_del_sms codigo_de_acceso codigo_temporal codigo_sms
ask ssn seguro_social numero_de_seguro_social seguridad_social
ask phone telefono numero_de_telefono celular movil numero_de_contacto llameme llamame llamarle llamar_al
ask bank_account numero_de_cuenta cuenta_bancaria
ask routing numero_de_ruta
ask iban iban
ask postcode codigo_postal
ask dob fecha_de_nacimiento nacimiento cumpleanos naci nacio
ask email correo_electronico correo email e-mail direccion_de_correo
ask passport pasaporte
ask driver_licence licencia_de_conducir carnet_de_conducir permiso_de_conducir
ask national_id dni nie curp cedula documento_de_identidad numero_de_documento
ask tax_id nif rfc numero_fiscal
ask vehicle matricula
name nombre_completo su_nombre tu_nombre apellido apellidos su_apellido nombre_y_apellidos con_quien_hablo con_quien_tengo_el_gusto nombre_del_titular como_se_llama
prep es_de son_de era_de fue_de
`
