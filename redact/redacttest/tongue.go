package redacttest

import "github.com/privet-gateway/privet/redact"

// tongue is how a language says numbers and what people say around them. It
// is written apart from the engine's own lists, so that one can fail the other.
type tongue struct {
	space, comma   string
	names          [10][]string
	pair           func(n int) string // 10…99
	double, triple string
	asks           map[redact.Class][]string
	announce       []string // "my card number is"
	leads, then    []string
	acks, fillers  []string
	echo           []string // before the agent repeats a part
	repairs        []string // {w} is the slip, {r} what is right
	talk           []string // nothing to hide
}

var tongues = map[string]*tongue{"en": english, "es": spanish, "zh": chinese, "fr": french, "de": german, "pt": portuguese}

func one(words ...string) (out [10][]string) {
	for i, w := range words {
		out[i] = []string{w}
	}
	return out
}

func also(names [10][]string, digit int, words ...string) [10][]string {
	names[digit] = append(names[digit], words...)
	return names
}

var english = &tongue{
	space: " ", comma: ", ",
	names: also(one("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"), 0, "oh"),
	pair: func(n int) string {
		teens := []string{"ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"}
		tens := []string{"", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"}
		if n < 20 {
			return teens[n-10]
		}
		if n%10 == 0 {
			return tens[n/10]
		}
		return tens[n/10] + "-" + []string{"", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"}[n%10]
	},
	double: "double", triple: "triple",
	asks: map[redact.Class][]string{
		redact.PAN:    {"Could you read me your card number, please?", "What's the long number on the front of your card?", "Go ahead with the sixteen digits whenever you're ready.", "May I have the credit card number?"},
		redact.Phone:  {"What's the best phone number to reach you?", "Can I take a contact number?", "And your mobile number?"},
		redact.CVV:    {"And the three digits on the back?", "What is the security code?", "Can you give me the CVV?"},
		redact.PIN:    {"Please tell me your PIN.", "What PIN did you choose?"},
		redact.Secret: {"We've just sent you a one-time code, can you read it to me?", "What's the verification code you received?"},
	},
	announce: []string{"My card number is", "I want to pay with my card, the number is", "The card is"},
	leads:    []string{"Sure, it's", "Yes, that's", "Okay, um,", "Right, it is", "Let me see,", "It starts with"},
	then:     []string{"then", "and then", "followed by", "next is", "and", "after that"},
	echo:     []string{"So that's", "Let me repeat:", "I have"},
	acks:     []string{"Okay.", "Mm-hmm.", "Got it.", "Go ahead.", "Yes, go on.", "Uh-huh.", "I'm listening.", "Right, and then?", "Perfect, next please.", "One moment… okay, continue."},
	fillers:  []string{"um", "uh", "er", "let me see", "hold on"},
	repairs:  []string{"{w}, no, {r}", "{w}, sorry, {r}", "{w}, no wait, {r}", "{w}, no, {r} not {w}", "{w}, I mean {r}", "{w}, correction, {r}", "{w}, oh sorry I meant {r}"},
	talk: []string{"I have two cards and three questions.", "It was on the twenty first of March.", "I paid forty five dollars for it.", "That takes three to five business days.",
		"One moment please.", "I called ten minutes ago and waited for twenty.", "Is there anything else I can help you with?", "No, that's all, thank you.", "I've been a customer for eleven years.",
		"The fee is twelve dollars and fifty cents.", "My two kids use it too.", "We open at nine and close at five thirty.", "Around four hundred euros, I think.", "Yes.", "No one told me about that.",
		"It happened twice, in January and in June.", "I'll transfer you to my colleague in a second.", "There were three charges from the same shop.", "Both of them arrived on Monday.", "You're number two in the queue.",
		"Two of the five payments failed.", "It's a hundred percent sure.", "Give me one second.", "I moved here in nineteen ninety nine.", "The limit is five thousand a month."},
}

var spanish = &tongue{
	space: " ", comma: ", ",
	names: one("cero", "uno", "dos", "tres", "cuatro", "cinco", "seis", "siete", "ocho", "nueve"),
	pair: func(n int) string {
		low := []string{"diez", "once", "doce", "trece", "catorce", "quince", "dieciséis", "diecisiete", "dieciocho", "diecinueve", "veinte", "veintiuno", "veintidós", "veintitrés", "veinticuatro", "veinticinco", "veintiséis", "veintisiete", "veintiocho", "veintinueve"}
		tens := []string{"", "", "", "treinta", "cuarenta", "cincuenta", "sesenta", "setenta", "ochenta", "noventa"}
		if n < 30 {
			return low[n-10]
		}
		if n%10 == 0 {
			return tens[n/10]
		}
		return tens[n/10] + " y " + []string{"", "uno", "dos", "tres", "cuatro", "cinco", "seis", "siete", "ocho", "nueve"}[n%10]
	},
	double: "doble", triple: "triple",
	asks: map[redact.Class][]string{
		redact.PAN:    {"¿Me dice el número de su tarjeta, por favor?", "¿Cuál es el número de tarjeta?", "Dígame los dieciséis dígitos cuando quiera."},
		redact.Phone:  {"¿Cuál es su número de teléfono?", "¿Me da un número de contacto?", "¿Y su móvil?"},
		redact.CVV:    {"¿Y los tres dígitos del reverso?", "¿Cuál es el código de seguridad?", "¿Me da el CVV?"},
		redact.PIN:    {"Dígame su PIN, por favor.", "¿Qué PIN eligió?"},
		redact.Secret: {"Le hemos enviado un código de un solo uso, ¿me lo lee?", "¿Cuál es el código de verificación que ha recibido?"},
	},
	announce: []string{"Mi número de tarjeta es", "Quiero pagar con tarjeta, el número es", "La tarjeta es la"},
	leads:    []string{"Sí, es el", "Claro,", "A ver, es", "Vale, eh,", "Empieza por"},
	then:     []string{"luego", "y luego", "después", "seguido de", "y", "y ahora"},
	echo:     []string{"Entonces es", "Le repito:", "Tengo"},
	acks:     []string{"Vale.", "Sí.", "De acuerdo.", "Ajá.", "Dígame.", "Adelante.", "Muy bien, continúe.", "Perfecto, ¿y después?", "Le escucho.", "Un momento… listo."},
	fillers:  []string{"eh", "este", "a ver", "mmm", "espere"},
	repairs:  []string{"{w}, no, {r}", "{w}, perdón, {r}", "{w}, no, perdón, {r}", "{w}, no, {r}, no {w}", "{w}, digo, {r}", "{w}, quiero decir {r}", "{w}, me equivoqué, {r}"},
	talk: []string{"Tengo dos tarjetas y tres preguntas.", "Fue el veintiuno de marzo.", "Pagué cuarenta y cinco euros.", "Tarda de tres a cinco días hábiles.", "Un momento, por favor.", "Llamé hace diez minutos y esperé veinte.",
		"¿Puedo ayudarle en algo más?", "No, eso es todo, gracias.", "Soy cliente desde hace once años.", "La comisión es de doce euros con cincuenta.", "Mis dos hijos también la usan.", "Abrimos a las nueve y cerramos a las cinco y media.",
		"Unos cuatrocientos pesos, creo.", "Sí.", "Nadie me avisó de eso.", "Pasó dos veces, en enero y en junio.", "Le paso con un compañero.", "Había tres cargos de la misma tienda.", "Las dos llegaron el lunes.",
		"Usted es el número dos en la cola.", "Dos de los cinco pagos fallaron.", "Estoy cien por cien seguro.", "Deme un segundo.", "Me mudé aquí en mil novecientos noventa y nueve.", "El límite es de cinco mil al mes."},
}

var chinese = &tongue{
	space: "", comma: "，",
	names: also(also(one("零", "一", "二", "三", "四", "五", "六", "七", "八", "九"), 1, "幺", "幺"), 0, "〇"),
	pair: func(n int) string {
		d := []string{"", "一", "二", "三", "四", "五", "六", "七", "八", "九"}
		if n < 20 {
			return "十" + d[n%10]
		}
		return d[n/10] + "十" + d[n%10]
	},
	double: "两个", triple: "三个",
	asks: map[redact.Class][]string{
		redact.PAN:    {"请告诉我您的卡号。", "麻烦念一下银行卡号码。", "您的信用卡号是多少？"},
		redact.Phone:  {"您的手机号是多少？", "请留一个联系电话。"},
		redact.CVV:    {"卡背面的三位数字是多少？", "请提供安全码。"},
		redact.PIN:    {"请说一下您的密码。"},
		redact.Secret: {"我们刚给您发了验证码，请念一下。", "您收到的动态码是多少？"},
	},
	announce: []string{"我的卡号是", "我想用卡支付，卡号是"},
	leads:    []string{"好的，是", "嗯，", "您记一下，", "开头是", "是"},
	then:     []string{"然后", "然后是", "接着是", "后面是", "再来"},
	echo:     []string{"我重复一下，", "是"},
	acks:     []string{"好的。", "嗯。", "嗯嗯，请继续。", "对，您说。", "收到。", "可以，继续。", "记下了。", "好，然后呢？"},
	fillers:  []string{"嗯", "呃", "那个", "等一下"},
	repairs:  []string{"{w}，不对，{r}", "{w}，说错了，{r}", "{w}，不是{w}，是{r}", "{w}，抱歉，{r}", "{w}，不，{r}"},
	talk: []string{"我有两张卡和三个问题。", "那是三月二十一号的事。", "我付了四十五块钱。", "需要三到五个工作日。", "请稍等一下。", "我十分钟前打过电话，等了二十分钟。", "还有什么可以帮您？", "没有了，谢谢。",
		"我是十一年的老客户了。", "手续费是十二块五。", "我两个孩子也在用。", "我们九点开门，五点半关门。", "大概四百欧元吧。", "是的。", "没有人告诉我这件事。", "发生了两次，一月一次，六月一次。", "我帮您转接同事。",
		"同一家店扣了三笔款。", "两张都是星期一到的。", "您排在第二位。", "五笔付款失败了两笔。", "我百分之百确定。", "一会儿就好。", "我一九九九年搬到这里的。", "每个月的额度是五千。"},
}
