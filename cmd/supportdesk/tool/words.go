package tool

// tongue is what the people of a language are made from. Names are everyday
// ones; telephone numbers are valid in form and filled by chance, e-mail
// addresses are of example.com, and IP addresses of RFC 5737.
type tongue struct {
	lang, region, country, nationality string
	given, family                      []string
	streets, cities                    []string
	postcode                           string // 0 is a digit
	mobile, home                       string // 0 is a digit
	bank, bic, iban                    string // iban: country and BBAN, 0 is a digit; "" where there is none
	employers, titles                  []string
	question, answer                   string
	note, title, text                  string
	call                               []string // turns, agent first; {…} are slots
}

// slots: {given} {full} {pan} {panwords} {email} {phone} {street} {city} {dob} {cvv}
func tongues() []tongue {
	return []tongue{
		{lang: "en", region: "us", country: "US", nationality: "American",
			given:    []string{"Grace", "Marcus", "Hannah", "Derek", "Olivia", "Samuel", "Ruth", "Calvin", "Naomi", "Walter", "Joyce", "Trevor"},
			family:   []string{"Whitfield", "Okafor", "Brennan", "Castellano", "Hughes", "Lindqvist", "Marsh", "Pruitt", "Sanderson", "Vaughn", "Yates", "Abbott"},
			streets:  []string{"Maple Avenue", "Kingsley Road", "Harbor Street", "Lakeview Drive", "Orchard Lane"},
			cities:   []string{"Columbus", "Portland", "Albany", "Tucson", "Savannah"},
			postcode: "43200", mobile: "+1 614 555 0100", home: "+1 503 555 0100",
			bank: "First Harbor Bank", bic: "FHBKUS33",
			employers: []string{"Harbor Freight Lines", "Linden Clinics", "Northgate Schools"}, titles: []string{"nurse", "dispatcher", "teacher"},
			question: "First pet?", answer: "Biscuit",
			note:  "{full} called from {phone} about a charge. Card {pan}, confirmed mail {email}. Wants letters to {street}, {city}.",
			title: "Disputed charge", text: "My name is {full}. My card {pan} was charged twice, please write to {email} or call {phone}.",
			call: []string{"Thank you for calling, this is the card desk. Who am I speaking with?", "My name is {full}.",
				"Could you read me the card number, please?", "Sure, it's {panwords}.", "Thank you. And the security code on the back?", "{cvv}.",
				"And your date of birth?", "{dob}.", "Where can we reach you?", "My e-mail is {email} and my phone is {phone}.", "Thank you, I see the charge and have opened a case."}},
		{lang: "es", region: "eu", country: "ES", nationality: "Spanish",
			given:    []string{"Lucía", "Javier", "Carmen", "Andrés", "Marta", "Sergio", "Elena", "Pablo", "Nuria", "Raúl"},
			family:   []string{"Ortega Ruiz", "Navarro Gil", "Iglesias Peña", "Campos Soler", "Molina Vega", "Herrero Sanz", "Delgado Mora", "Fuentes Prieto"},
			streets:  []string{"Calle de Alcalá", "Avenida del Puerto", "Calle Mayor", "Paseo de Gracia"},
			cities:   []string{"Madrid", "Valencia", "Zaragoza", "Sevilla"},
			postcode: "28000", mobile: "+34 612 000 000", home: "+34 912 000 000",
			bank: "Banco del Faro", bic: "BFARESMM", iban: "ES00000000000000000000",
			employers: []string{"Talleres Aurora", "Clínica del Mar"}, titles: []string{"enfermera", "mecánico", "profesora"},
			question: "¿Primera mascota?", answer: "Canela",
			note:  "Llama {full} desde el {phone} por un cargo. Tarjeta {pan}, correo {email}. Cartas a {street}, {city}.",
			title: "Cargo no reconocido", text: "Me llamo {full}. Mi tarjeta {pan} tiene dos cargos iguales; escríbanme a {email} o llámenme al {phone}.",
			call: []string{"Gracias por llamar, ¿con quién hablo?", "Me llamo {full}.", "¿Me dice el número de la tarjeta?", "Sí, es {panwords}.",
				"Gracias. ¿Y el código de seguridad?", "{cvv}.", "¿Su fecha de nacimiento?", "{dob}.", "¿Dónde podemos localizarle?", "Mi correo es {email} y mi teléfono es el {phone}.", "Gracias, he abierto un caso."}},
		{lang: "zh", region: "apac", country: "CN", nationality: "Chinese",
			given:    []string{"秀英", "伟", "丽华", "建国", "静", "志强", "晓明", "雪梅"},
			family:   []string{"王", "李", "张", "陈", "刘", "赵", "黄", "周"},
			streets:  []string{"中山路", "人民路", "解放大道", "南京东路"},
			cities:   []string{"上海", "广州", "武汉", "成都"},
			postcode: "200000", mobile: "+86 138 0000 0000", home: "+86 21 6000 0000",
			bank: "海港银行", bic: "HGBKCNSH",
			employers: []string{"东方物流", "明光医院"}, titles: []string{"护士", "工程师", "老师"},
			question: "第一只宠物？", answer: "豆豆",
			note:  "{full}来电（{phone}）询问一笔扣款。卡号 {pan}，邮箱 {email}。信件寄到{city}{street}。",
			title: "有争议的扣款", text: "我叫{full}。我的卡 {pan} 被扣了两次，请写信到 {email} 或打电话 {phone}。",
			call: []string{"您好，这里是信用卡客服，请问您贵姓？", "我叫{full}。", "请告诉我您的卡号。", "好的，是{panwords}。",
				"谢谢。背面的安全码呢？", "{cvv}。", "您的出生日期？", "{dob}。", "怎么联系您？", "我的邮箱是 {email}，电话是 {phone}。", "谢谢，我已经为您立案。"}},
		{lang: "fr", region: "eu", country: "FR", nationality: "French",
			given:    []string{"Camille", "Julien", "Élodie", "Mathieu", "Chantal", "Rémi", "Sylvie", "Thierry"},
			family:   []string{"Lefèvre", "Garnier", "Chevalier", "Blanchard", "Perrin", "Roussel", "Marchand", "Colin"},
			streets:  []string{"rue de la République", "avenue Victor Hugo", "boulevard Voltaire", "rue des Lilas"},
			cities:   []string{"Lyon", "Nantes", "Toulouse", "Rennes"},
			postcode: "69000", mobile: "+33 6 12 34 00 00", home: "+33 1 42 68 00 00",
			bank: "Banque du Phare", bic: "BPHAFRPP", iban: "FR000000000000000000000000000",
			employers: []string{"Ateliers Lumière", "Clinique des Tilleuls"}, titles: []string{"infirmière", "mécanicien", "institutrice"},
			question: "Premier animal ?", answer: "Noisette",
			note:  "{full} appelle du {phone} pour un débit. Carte {pan}, courriel {email}. Courrier : {street}, {city}.",
			title: "Débit contesté", text: "Je m'appelle {full}. Ma carte {pan} a été débitée deux fois ; écrivez à {email} ou appelez le {phone}.",
			call: []string{"Merci de votre appel, qui est à l'appareil ?", "Je m'appelle {full}.", "Pouvez-vous me lire le numéro de la carte ?", "Oui, c'est le {panwords}.",
				"Merci. Et le code de sécurité au dos ?", "{cvv}.", "Votre date de naissance ?", "{dob}.", "Où peut-on vous joindre ?", "Mon courriel est {email} et mon téléphone le {phone}.", "Merci, j'ai ouvert un dossier."}},
		{lang: "de", region: "eu", country: "DE", nationality: "German",
			given:    []string{"Annika", "Jürgen", "Heike", "Matthias", "Sabine", "Torsten", "Ulrike", "Bernd"},
			family:   []string{"Hoffmann", "Schäfer", "Brandt", "Vogel", "Kühn", "Lorenz", "Pfeiffer", "Winter"},
			streets:  []string{"Lindenstraße", "Bahnhofstraße", "Goetheweg", "Am Hafen"},
			cities:   []string{"Hamburg", "Leipzig", "Köln", "Nürnberg"},
			postcode: "20000", mobile: "+49 151 23450000", home: "+49 30 23125000",
			bank: "Hafenbank", bic: "HAFBDEFF", iban: "DE00000000000000000000",
			employers: []string{"Hafenlogistik Nord", "Klinik am Park"}, titles: []string{"Krankenpflegerin", "Mechaniker", "Lehrerin"},
			question: "Erstes Haustier?", answer: "Muckel",
			note:  "{full} ruft von {phone} an wegen einer Buchung. Karte {pan}, E-Mail {email}. Post an {street}, {city}.",
			title: "Strittige Buchung", text: "Ich heiße {full}. Meine Karte {pan} wurde zweimal belastet, bitte schreiben Sie an {email} oder rufen Sie {phone} an.",
			call: []string{"Danke für Ihren Anruf, mit wem spreche ich?", "Ich heiße {full}.", "Können Sie mir die Kartennummer vorlesen?", "Ja, das ist die {panwords}.",
				"Danke. Und die Prüfnummer auf der Rückseite?", "{cvv}.", "Ihr Geburtsdatum?", "{dob}.", "Wie erreichen wir Sie?", "Meine E-Mail ist {email} und meine Telefonnummer {phone}.", "Danke, ich habe einen Vorgang angelegt."}},
		{lang: "pt", region: "latam", country: "BR", nationality: "Brazilian",
			given:    []string{"Beatriz", "Thiago", "Larissa", "Rodrigo", "Fernanda", "Caio", "Juliana", "Otávio"},
			family:   []string{"Cardoso", "Teixeira", "Moreira", "Barbosa", "Nogueira", "Fontes", "Queiroz", "Brandão"},
			streets:  []string{"Rua das Flores", "Avenida Atlântica", "Rua XV de Novembro", "Alameda Santos"},
			cities:   []string{"São Paulo", "Recife", "Curitiba", "Salvador"},
			postcode: "01000-000", mobile: "+55 11 96000-0000", home: "+55 11 3000-0000",
			bank: "Banco do Farol", bic: "BFARBRSP", iban: "BR0000000000000000000000000C1",
			employers: []string{"Oficinas Aurora", "Clínica do Porto"}, titles: []string{"enfermeira", "mecânico", "professora"},
			question: "Primeiro animal?", answer: "Paçoca",
			note:  "{full} ligou do {phone} sobre uma cobrança. Cartão {pan}, e-mail {email}. Cartas para {street}, {city}.",
			title: "Cobrança contestada", text: "Meu nome é {full}. Meu cartão {pan} foi cobrado duas vezes; escrevam para {email} ou liguem para {phone}.",
			call: []string{"Obrigado por ligar, com quem falo?", "Meu nome é {full}.", "Pode me ler o número do cartão?", "Sim, é {panwords}.",
				"Obrigado. E o código de segurança no verso?", "{cvv}.", "Sua data de nascimento?", "{dob}.", "Como podemos falar com você?", "Meu e-mail é {email} e meu telefone é {phone}.", "Obrigado, abri um chamado."}},
	}
}

// digitWords reads a digit aloud.
func digitWords(lang string) [10]string {
	switch lang {
	case "es":
		return [10]string{"cero", "uno", "dos", "tres", "cuatro", "cinco", "seis", "siete", "ocho", "nueve"}
	case "zh":
		return [10]string{"零", "幺", "二", "三", "四", "五", "六", "七", "八", "九"}
	case "fr":
		return [10]string{"zéro", "un", "deux", "trois", "quatre", "cinq", "six", "sept", "huit", "neuf"}
	case "de":
		return [10]string{"null", "eins", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun"}
	case "pt":
		return [10]string{"zero", "um", "dois", "três", "quatro", "cinco", "meia", "sete", "oito", "nove"}
	}
	return [10]string{"oh", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"}
}
