package redact

// Portuguese, of Brazil and of Portugal.
const spokenPortuguese = `
digit 0 zero
digit 1 um uma
digit 2 dois duas
digit 3 tres
digit 4 quatro
digit 5 cinco
digit 6 seis meia
digit 7 sete
digit 8 oito
digit 9 nove
plural 0 zeros
plural 7 setes
plural 8 oitos
plural 9 noves
teen 10 dez
teen 11 onze
teen 12 doze
teen 13 treze
teen 14 quatorze catorze
teen 15 quinze
teen 16 dezesseis dezasseis
teen 17 dezessete dezassete
teen 18 dezoito
teen 19 dezenove dezanove
tens 20 vinte
tens 30 trinta
tens 40 quarenta
tens 50 cinquenta
tens 60 sessenta
tens 70 setenta
tens 80 oitenta
tens 90 noventa
hundred cem cento
hundreds 200 duzentos duzentas
hundreds 300 trezentos trezentas
hundreds 400 quatrocentos quatrocentas
hundreds 500 quinhentos quinhentas
hundreds 600 seiscentos seiscentas
hundreds 700 setecentos setecentas
hundreds 800 oitocentos oitocentas
hundreds 900 novecentos novecentas
thousand mil
big milhao milhoes bilhao bilhoes
repeat 2 duplo dobrado
repeat 3 triplo
repeat 4 quadruplo
times vezes vezes_o
and e
point virgula
mark . ponto
mark @ arroba arrouba
mark - traco hifen menos
mark _ underline sublinhado underscore traco_baixo
mark / barra
mark : dois_pontos
mark + mais
mark # cerquilha jogo_da_velha
filler deixa_eu_ver deixa_ver deixe_me_ver aham eh hum_hum so_um_momento e_entao ah hum bem bom entao depois e_depois ai e_ai dai ne certo ok okay ta sim claro isso agora seguido_de por_ultimo finalmente proximo perfeito pode_continuar continue tipo espaco em_seguida assim pronto
repair nao desculpa desculpe perdao espera espere corrigindo quero_dizer quer_dizer digo ou_melhor errei me_enganei enganei-me alias um_momento em_vez_de na_verdade na_realidade e_sim mas_sim melhor perai pera errado
meta numero numeros digito digitos ultimo ultima ultimos primeiro segundo terceiro quarto quinto e_o o a os as meu minha sao termina em_um comeca com parte grupo que esta este esse essa isso_e aqui tenho tem final
stop e o a os as meu minha me em no na por para de do da seu sua que email mail correio eletronico endereco escrever enviar envie mande usuario ou um uma pode nos te se esta tenho com contato eu tu ele ela voces lhe lhes como quando onde muito tambem ja so ninguem alguem
prep em desde ha ate durante por para sobre antes depois_de entre as
unit cem_por_cento cento_por_cento da_noite dolar dolares real reais euro euros centavo centavos por_cento minuto minutos hora horas dia dias semana semanas mes meses ano anos cartao cartoes pergunta perguntas vez vezes pessoas filhos coisas graus quilos pontos segundo segundos momento da_manha da_tarde
month janeiro fevereiro marco abril maio junho julho agosto setembro outubro novembro dezembro
ordinal primeiro
like de como
letter b be
letter c ce
letter d de
letter f efe
letter g ge gue
letter h aga
letter j jota
letter k ca ka
letter l ele
letter m eme
letter n ene
letter p pe
letter q que
letter r erre
letter s esse
letter t te
letter v ve
letter w dablio dabliu dabliu
letter x xis
letter y ipsilon
letter z ze
ask pan numero_do_cartao numero_do_seu_cartao cartao_de_credito cartao_de_debito dezesseis_digitos cartao
ask cvv cvv cvc c_v_v codigo_de_seguranca tres_digitos_no_verso tres_digitos_do_verso verso_do_cartao tres_digitos_atras atras_do_cartao tres_numeros tres_digitos codigo_do_verso digitos_do_verso
ask pin pin senha senha_do_cartao codigo_pin
ask expiry validade data_de_validade vencimento data_de_vencimento expiracao vence valido_ate
ask secret codigo_de_uso_unico codigo_de_verificacao codigo_que_enviamos codigo_que_voce_recebeu codigo_que_recebeu codigo_que_acabamos_de_enviar codigo_enviado codigo_de_confirmacao codigo_por_sms codigo_do_sms codigo_de_acesso codigo_que_lhe_enviamos token
ask ssn seguro_social seguranca_social
ask phone telefone numero_de_telefone celular telemovel numero_de_contato numero_de_contacto ligue_para me_ligue
ask bank_account numero_da_conta conta_bancaria conta_corrente agencia
ask iban iban
ask postcode codigo_postal cep
ask dob data_de_nascimento nascimento aniversario nasci nasceu
ask email correio_eletronico correio_electronico email e-mail
ask passport passaporte
ask driver_licence carteira_de_motorista carta_de_conducao cnh
ask tax_id cpf cnpj nif contribuinte
ask national_id rg identidade cartao_de_cidadao bilhete_de_identidade
ask vehicle placa matricula
name nome_completo seu_nome o_seu_nome sobrenome apelido com_quem_falo com_quem_eu_falo nome_do_titular como_se_chama
prep e_de foi_de sao_de era_de
`
