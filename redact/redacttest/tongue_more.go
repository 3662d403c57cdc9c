package redacttest

import (
	"strings"

	"github.com/privet-gateway/privet/redact"
)

var french = &tongue{
	space: " ", comma: ", ",
	names: one("zéro", "un", "deux", "trois", "quatre", "cinq", "six", "sept", "huit", "neuf"),
	pair: func(n int) string {
		low := []string{"", "un", "deux", "trois", "quatre", "cinq", "six", "sept", "huit", "neuf", "dix", "onze", "douze", "treize", "quatorze", "quinze", "seize", "dix-sept", "dix-huit", "dix-neuf"}
		tens := []string{"", "", "vingt", "trente", "quarante", "cinquante", "soixante", "soixante", "quatre-vingt", "quatre-vingt"}
		if n < 20 {
			return low[n]
		}
		unit := n % 10
		if n/10 == 7 || n/10 == 9 {
			unit += 10
		}
		switch {
		case unit == 0 && n == 80:
			return "quatre-vingts"
		case unit == 0:
			return tens[n/10]
		case unit%10 == 1 && n < 80:
			return tens[n/10] + " et " + low[unit]
		}
		return tens[n/10] + "-" + low[unit]
	},
	double: "double", triple: "triple",
	asks: map[redact.Class][]string{
		redact.PAN:    {"Pouvez-vous me donner votre numéro de carte ?", "Quel est le numéro de la carte, s'il vous plaît ?", "Je vous écoute pour les seize chiffres."},
		redact.Phone:  {"Quel est votre numéro de téléphone ?", "À quel numéro peut-on vous joindre ?", "Et votre portable ?"},
		redact.CVV:    {"Et les trois chiffres au dos ?", "Quel est le cryptogramme ?", "Le code de sécurité, s'il vous plaît ?"},
		redact.PIN:    {"Quel est votre code PIN ?", "Donnez-moi votre code secret."},
		redact.Secret: {"Nous venons de vous envoyer un code à usage unique, vous pouvez me le lire ?", "Quel est le code de vérification reçu ?"},
	},
	announce: []string{"Mon numéro de carte est le", "Je veux payer par carte, c'est le"},
	leads:    []string{"Oui, c'est le", "Alors,", "Bien sûr,", "D'accord, euh,", "Ça commence par"},
	then:     []string{"puis", "et puis", "ensuite", "suivi de", "et", "après"},
	echo:     []string{"Donc", "Je répète :", "J'ai"},
	acks:     []string{"D'accord.", "Oui.", "Très bien.", "Je vous écoute.", "Allez-y.", "C'est noté.", "Hum hum, ensuite ?", "Parfait, continuez.", "Un instant… oui ?"},
	fillers:  []string{"euh", "hum", "voyons", "attendez", "ben"},
	repairs:  []string{"{w}, non, {r}", "{w}, pardon, {r}", "{w}, non pardon, {r}", "{w}, non, {r} pas {w}", "{w}, je veux dire {r}", "{w}, je me suis trompé, {r}", "{w}, euh non, {r}"},
	talk: []string{"J'ai deux cartes et trois questions.", "C'était le vingt et un mars.", "J'ai payé quarante-cinq euros.", "Il faut compter trois à cinq jours ouvrés.", "Un instant, s'il vous plaît.", "J'ai appelé il y a dix minutes et j'ai attendu vingt minutes.",
		"Puis-je faire autre chose pour vous ?", "Non, c'est tout, merci.", "Je suis client depuis onze ans.", "Les frais sont de douze euros cinquante.", "Mes deux enfants l'utilisent aussi.", "Nous ouvrons à neuf heures et fermons à cinq heures et demie.",
		"Environ quatre cents euros, je crois.", "Oui.", "Personne ne m'a prévenu.", "C'est arrivé deux fois, en janvier et en juin.", "Je vous passe un collègue.", "Il y avait trois débits du même magasin.", "Les deux sont arrivées lundi.",
		"Vous êtes le numéro deux dans la file.", "Deux des cinq paiements ont échoué.", "J'en suis sûr à cent pour cent.", "Donnez-moi une seconde.", "J'ai déménagé en mille neuf cent quatre-vingt-dix-neuf.", "Le plafond est de cinq mille par mois."},
}

var german = &tongue{
	space: " ", comma: ", ",
	names: also(one("null", "eins", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun"), 2, "zwo"),
	pair: func(n int) string {
		low := []string{"", "ein", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun", "zehn", "elf", "zwölf", "dreizehn", "vierzehn", "fünfzehn", "sechzehn", "siebzehn", "achtzehn", "neunzehn"}
		tens := []string{"", "", "zwanzig", "dreißig", "vierzig", "fünfzig", "sechzig", "siebzig", "achtzig", "neunzig"}
		if n < 20 {
			return low[n]
		}
		if n%10 == 0 {
			return tens[n/10]
		}
		return low[n%10] + "und" + tens[n/10]
	},
	double: "doppel", triple: "dreimal",
	asks: map[redact.Class][]string{
		redact.PAN:    {"Können Sie mir bitte Ihre Kartennummer nennen?", "Wie lautet die Kreditkartennummer?", "Lesen Sie mir bitte die Nummer der Karte vor."},
		redact.Phone:  {"Unter welcher Telefonnummer sind Sie erreichbar?", "Und Ihre Handynummer?", "Wie ist Ihre Rückrufnummer?"},
		redact.CVV:    {"Und die drei Ziffern auf der Rückseite?", "Wie lautet die Prüfziffer?", "Der Sicherheitscode bitte?"},
		redact.PIN:    {"Nennen Sie mir bitte Ihre PIN.", "Wie ist die Geheimzahl?"},
		redact.Secret: {"Wir haben Ihnen gerade einen Einmalcode geschickt, lesen Sie ihn mir bitte vor?", "Welchen Bestätigungscode haben Sie bekommen?"},
	},
	announce: []string{"Meine Kartennummer ist", "Ich möchte mit Karte zahlen, die Nummer ist"},
	leads:    []string{"Ja, das ist die", "Also,", "Moment, ähm,", "Gut, es ist die", "Sie beginnt mit"},
	then:     []string{"dann", "und dann", "danach", "gefolgt von", "und", "weiter mit"},
	echo:     []string{"Also", "Ich wiederhole:", "Ich habe"},
	acks:     []string{"Okay.", "Ja.", "Gut.", "Mhm.", "Ich höre.", "Weiter bitte.", "Alles klar, und dann?", "Habe ich, weiter.", "Einen Moment… so, bitte."},
	fillers:  []string{"ähm", "äh", "Moment", "warten Sie", "also"},
	repairs:  []string{"{w}, nein, {r}", "{w}, Entschuldigung, {r}", "{w}, nein Moment, {r}", "{w}, nein, {r} nicht {w}", "{w}, ich meine {r}", "{w}, Quatsch, {r}", "{w}, nicht {w}, sondern {r}"},
	talk: []string{"Ich habe zwei Karten und drei Fragen.", "Das war am einundzwanzigsten März.", "Ich habe fünfundvierzig Euro bezahlt.", "Das dauert drei bis fünf Werktage.", "Einen Moment bitte.", "Ich habe vor zehn Minuten angerufen und zwanzig gewartet.",
		"Kann ich sonst noch etwas für Sie tun?", "Nein, das ist alles, danke.", "Ich bin seit elf Jahren Kunde.", "Die Gebühr beträgt zwölf Euro fünfzig.", "Meine zwei Kinder benutzen sie auch.", "Wir öffnen um neun und schließen um halb sechs.",
		"Ungefähr vierhundert Euro, glaube ich.", "Ja.", "Das hat mir keiner gesagt.", "Es ist zweimal passiert, im Januar und im Juni.", "Ich verbinde Sie mit einer Kollegin.", "Es gab drei Abbuchungen vom selben Laden.", "Beide kamen am Montag.",
		"Sie sind Nummer zwei in der Warteschleife.", "Zwei von fünf Zahlungen sind geplatzt.", "Da bin ich hundertprozentig sicher.", "Eine Sekunde bitte.", "Ich bin neunzehnhundertneunundneunzig hergezogen.", "Das Limit liegt bei fünftausend im Monat."},
}

var portuguese = &tongue{
	space: " ", comma: ", ",
	names: also(also(one("zero", "um", "dois", "três", "quatro", "cinco", "seis", "sete", "oito", "nove"), 6, "meia", "meia"), 1, "uma"),
	pair: func(n int) string {
		low := strings.Fields("dez onze doze treze quatorze quinze dezesseis dezessete dezoito dezenove")
		tens := []string{"", "", "vinte", "trinta", "quarenta", "cinquenta", "sessenta", "setenta", "oitenta", "noventa"}
		if n < 20 {
			return low[n-10]
		}
		if n%10 == 0 {
			return tens[n/10]
		}
		return tens[n/10] + " e " + []string{"", "um", "dois", "três", "quatro", "cinco", "seis", "sete", "oito", "nove"}[n%10]
	},
	double: "duplo", triple: "triplo",
	asks: map[redact.Class][]string{
		redact.PAN:    {"Pode me dizer o número do cartão, por favor?", "Qual é o número do seu cartão de crédito?", "Pode ditar os dezesseis dígitos."},
		redact.Phone:  {"Qual é o seu telefone?", "Me passa um número de contato?", "E o celular?"},
		redact.CVV:    {"E os três dígitos no verso?", "Qual é o código de segurança?", "Pode me dizer o CVV?"},
		redact.PIN:    {"Qual é a senha do cartão?", "Digite ou diga o seu PIN."},
		redact.Secret: {"Acabamos de enviar um código de uso único, pode ler para mim?", "Qual é o código de verificação que você recebeu?"},
	},
	announce: []string{"O número do meu cartão é", "Quero pagar com cartão, o número é"},
	leads:    []string{"Claro, é", "Sim, é o", "Bom,", "Tá, é, hum,", "Começa com"},
	then:     []string{"depois", "e depois", "aí", "seguido de", "e", "então"},
	echo:     []string{"Então é", "Vou repetir:", "Tenho"},
	acks:     []string{"Certo.", "Sim.", "Ok.", "Pode continuar.", "Aham.", "Estou anotando.", "Perfeito, e depois?", "Anotei.", "Só um momento… pronto."},
	fillers:  []string{"hum", "é", "deixa eu ver", "espera", "né"},
	repairs:  []string{"{w}, não, {r}", "{w}, desculpa, {r}", "{w}, não, desculpe, {r}", "{w}, não, {r}, não {w}", "{w}, quer dizer, {r}", "{w}, errei, {r}", "{w}, aliás, {r}"},
	talk: []string{"Tenho dois cartões e três perguntas.", "Foi no dia vinte e um de março.", "Paguei quarenta e cinco reais.", "Demora de três a cinco dias úteis.", "Um momento, por favor.", "Liguei há dez minutos e esperei vinte.",
		"Posso ajudar em mais alguma coisa?", "Não, é só isso, obrigado.", "Sou cliente há onze anos.", "A tarifa é de doze reais e cinquenta.", "Meus dois filhos também usam.", "Abrimos às nove e fechamos às cinco e meia.",
		"Uns quatrocentos euros, acho.", "Sim.", "Ninguém me avisou disso.", "Aconteceu duas vezes, em janeiro e em junho.", "Vou transferir para um colega.", "Havia três cobranças da mesma loja.", "Os dois chegaram na segunda.",
		"O senhor é o número dois da fila.", "Dois dos cinco pagamentos falharam.", "Tenho cem por cento de certeza.", "Me dá um segundo.", "Me mudei em mil novecentos e noventa e nove.", "O limite é de cinco mil por mês."},
}
