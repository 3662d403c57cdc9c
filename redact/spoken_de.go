package redact

// German; compounds ("zweiundzwanzig", "vierhundertelf") are taken apart by
// germanNumber and are not listed.
const spokenGerman = `
digit 0 null
digit 1 eins ein eine
digit 2 zwei zwo
digit 3 drei
digit 4 vier
digit 5 funf fuenf
digit 6 sechs
digit 7 sieben
digit 8 acht
digit 9 neun
plural 0 nullen
plural 1 einsen
plural 2 zweien
plural 3 dreien
plural 4 vieren
plural 5 funfen fuenfen
plural 6 sechsen
plural 7 siebenen
plural 8 achten
plural 9 neunen
teen 10 zehn
teen 11 elf
teen 12 zwolf zwoelf
teen 13 dreizehn
teen 14 vierzehn
teen 15 funfzehn fuenfzehn fuffzehn
teen 16 sechzehn
teen 17 siebzehn
teen 18 achtzehn
teen 19 neunzehn
tens 20 zwanzig
tens 30 dreissig dreizig
tens 40 vierzig
tens 50 funfzig fuenfzig fuffzig
tens 60 sechzig
tens 70 siebzig
tens 80 achtzig
tens 90 neunzig
hundred hundert
thousand tausend
big million millionen milliarde milliarden billion billionen billiarden
repeat 2 doppel doppelt doppelte zweimal zweimal_die
repeat 3 dreifach dreimal dreimal_die
repeat 4 vierfach viermal viermal_die
times mal mal_die
and und
point komma
mark . punkt
mark @ at klammeraffe at-zeichen aet ett
mark - bindestrich minus strich
mark _ unterstrich
mark / slash schragstrich schraegstrich
mark : doppelpunkt
mark + plus
mark # raute
filler ah ahm aehm aeh hm mhm also dann und_dann danach anschliessend ja okay ok gut genau so jetzt gefolgt_von zuletzt schliesslich weiter bitte alles_klar verstanden moment_mal leerzeichen na nun noch
repair nein ne nee falsch entschuldigung sorry moment halt warten_sie korrektur ich_meine nicht sondern quatsch stattdessen vielmehr verzeihung besser_gesagt anders ich_korrigiere vertan versprochen statt doch
meta nummer nummern ziffer ziffern zahl letzte letzten letzter erste zweite dritte vierte ist sind das die der es war mein meine lautet endet mit beginnt auf teil gruppe hier habe ich heisst den dem am_ende und_zwar
stop ist die der das mein meine an zu mit unter und oder fur von per mail email e-mail adresse mailadresse schreiben senden schicken schicken_sie benutzer name ich sie mich uns ihr es lautet eine ein den dem kontakt erreichen bitte mir dir dich euch ihm ihnen ihn sich keiner keine jemand niemand da dort dies diese dieser wir er man wie was wer wo auch nur schon sehr
prep in im am seit bis um vor nach uber unter_der von fur gegen zwischen
unit euro dollar franken cent prozent minute minuten stunde stunden tag tage tagen woche wochen monat monate jahr jahre jahren karte karten frage fragen mal leute personen kinder dinge grad kilo kilos punkte sekunde sekunden uhr moment
month januar februar marz maerz april mai juni juli august september oktober november dezember
ordinal erste ersten zweite zweiten dritte dritten vierte vierten funfte funften sechste sechsten siebte siebten achte achten neunte neunten zehnte zehnten
like wie
letter y ypsilon
letter j jott
letter v vau
letter z zett
nato a anton
nato b berta
nato c casar caesar
nato d dora
nato e emil
nato f friedrich
nato g gustav
nato h heinrich
nato i ida
nato j julius
nato k kaufmann
nato l ludwig
nato m martha
nato n nordpol
nato o otto
nato p paula
nato q quelle
nato r richard
nato s samuel siegfried
nato t theodor
nato u ulrich
nato v viktor
nato w wilhelm
nato x xanthippe
nato z zacharias zeppelin
ask pan kartennummer kreditkarte kreditkartennummer nummer_ihrer_karte nummer_der_karte sechzehnstellige karte
ask cvv cvv cvc c_v_v c_v_c prufziffer pruefziffer prufnummer pruefnummer kartenprufnummer sicherheitscode dreistellige drei_ziffern_auf_der_ruckseite ruckseite_der_karte ruckseite_ihrer_karte ruckseite drei_ziffern drei_zahlen
ask pin pin geheimzahl geheimnummer pin_nummer pin-code
ask expiry ablaufdatum gultig_bis gueltig_bis gultigkeit verfallsdatum gultigkeitsdatum verfallt lauft_ab
ask secret einmalcode einmalpasswort bestatigungscode verifizierungscode code_den_wir code_den_ich tan sms-code code_per_sms prufcode zugangscode sicherheitsnummer code_aus_der_sms code_der_ihnen code_erhalten
ask ssn sozialversicherungsnummer
ask phone telefon telefonnummer handynummer handy mobilnummer ruckrufnummer ruckruf erreichen_unter rufnummer erreichbar
ask bank_account kontonummer bankkonto
ask routing bankleitzahl
ask iban iban
ask postcode postleitzahl plz
ask dob geburtsdatum geburtstag geboren
ask email e-mail-adresse e-mail mailadresse emailadresse email mail
ask passport reisepass passnummer reisepassnummer
ask driver_licence fuhrerschein fuhrerscheinnummer
ask tax_id steuernummer steuer-id steueridentifikationsnummer
ask national_id personalausweis ausweisnummer personalausweisnummer
ask vehicle kennzeichen
name ihr_name ihren_namen vollstandiger_name vollstandigen_namen nachname vorname nachnamen vornamen wie_heissen_sie mit_wem_spreche_ich name_des_karteninhabers name_bitte geburtsname madchenname
`
