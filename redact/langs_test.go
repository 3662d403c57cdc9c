package redact

import "testing"

// TestLanguages: names, birthdays, numbers and addresses as people of six
// languages write them, and everyday sentences that must stay.
func TestLanguages(t *testing.T) {
	chat, strict := engine(t, Config{Profile: Chat}), engine(t, Config{Profile: Strict})
	for _, c := range []struct {
		e        *Engine
		in, want string
	}{
		{chat, "Hola, me llamo María José García López y mi DNI es 12345678Z, nací el 3 de mayo de 1980.", "Hola, me llamo [person] y mi DNI es [national_id], nací el [dob]."},
		{chat, "Bonjour, je m'appelle Jean-Pierre Dupont. Mon numéro est 06 12 34 56 78.", "Bonjour, je m'appelle [person]. Mon numéro est [phone]."},
		{chat, "Guten Tag, ich heiße Jürgen Müller, geboren am 12.03.1975, Steuer-ID 12345678903.", "Guten Tag, ich heiße [person], geboren am [dob], Steuer-ID [tax_id]."},
		{chat, "Olá, meu nome é João da Silva, CPF 529.982.247-25, telefone (11) 98765-4321.", "Olá, meu nome é [person], CPF [national_id], telefone [phone]."},
		{chat, "我叫王小明，我的身份证号是11010519491231002X，手机13812345678。", "我叫[person]，我的身份证号是[national_id]，手机[phone]。"},
		{chat, "请转告李女士，欧阳先生到了。", "请转告[person]女士，[person]先生到了。"},
		{chat, "Best regards,\nJane Roe", "Best regards,\n[person]"},
		{chat, "Seu código é 998877", "Seu código é [secret]"},
		{chat, "born on May 3, 1980 in Ohio", "born on [dob] in Ohio"},
		{strict, "J'habite au 12 rue de la Paix, 75002 Paris.", "J'habite au [address]."},
		{strict, "wohnhaft in Hauptstraße 5, 10115 Berlin.", "wohnhaft in [address]."},
		{strict, "住在北京市朝阳区建国路88号。", "住在[address]。"},
		{strict, "Die Rechnung für das Konto wurde am Montag an die Bank geschickt und der Kunde bat um Rückruf.", ""},
		{strict, "El cliente llamó ayer para preguntar por su tarjeta y la factura.", ""},
		{strict, "Le client a demandé une nouvelle carte parce que la sienne est bloquée depuis lundi.", ""},
		{strict, "O cliente ligou ontem para saber do limite do cartão e pediu segunda via.", ""},
		{strict, "可以帮我查一下账单吗？谢谢。", ""},
		{strict, "How do I check my balance on my credit card?", ""},
	} {
		if c.want == "" {
			c.want = c.in
		}
		if got := string(c.e.Append(nil, []byte(c.in))); got != c.want {
			t.Errorf("%q\n got %q\nwant %q", c.in, got, c.want)
		}
	}
}
