package mfa

import "fmt"

// inLanguages is a text in the six languages.
type inLanguages struct{ en, es, zh, fr, de, pt string }

func (t inLanguages) in(language string) string {
	switch language {
	case "es":
		return t.es
	case "zh":
		return t.zh
	case "fr":
		return t.fr
	case "de":
		return t.de
	case "pt":
		return t.pt
	}
	return t.en
}

// Text says what happened, in a language ("en", "es", "zh", "fr", "de", "pt").
func (n Notice) Text(language string) string {
	told, ok := map[string]inLanguages{
		toldDevice: {"Sign-in with a kind of device that you have not used lately", "Inicio de sesión con un tipo de dispositivo que no ha usado últimamente", "使用您近期未用过的设备类型登录",
			"Connexion depuis un type d’appareil que vous n’avez pas utilisé récemment", "Anmeldung mit einer Art von Gerät, die Sie zuletzt nicht benutzt haben", "Acesso com um tipo de dispositivo que você não tem usado"},
		toldRecovery: {"Sign-in with a recovery code", "Inicio de sesión con un código de recuperación", "使用恢复码登录", "Connexion avec un code de secours", "Anmeldung mit einem Wiederherstellungscode", "Acesso com um código de recuperação"},
		toldLong:     {"Sign-in after more than 30 days", "Inicio de sesión después de más de 30 días", "超过 30 天后再次登录", "Connexion après plus de 30 jours", "Anmeldung nach mehr als 30 Tagen", "Acesso após mais de 30 dias"},
		toldHalf: {"Sign-in that stopped after the right password", "Inicio de sesión interrumpido tras la contraseña correcta", "密码正确，但登录没有完成", "Connexion interrompue après le bon mot de passe",
			"Anmeldung, die nach dem richtigen Passwort abbrach", "Acesso interrompido após a senha correta"},
		toldCodes:   {"Wrong codes after the right password", "Códigos incorrectos tras la contraseña correcta", "密码正确，但验证码多次错误", "Codes erronés après le bon mot de passe", "Falsche Codes nach dem richtigen Passwort", "Códigos errados após a senha correta"},
		toldLocked:  {"Locked out after too many wrong codes", "Cuenta bloqueada por demasiados códigos incorrectos", "验证码错误次数过多，账户已锁定", "Compte verrouillé après trop de codes erronés", "Gesperrt nach zu vielen falschen Codes", "Conta bloqueada por códigos errados demais"},
		toldTOTP:    {"Device for codes added", "Dispositivo de códigos añadido", "已添加验证码设备", "Appareil à codes ajouté", "Gerät für Codes hinzugefügt", "Dispositivo de códigos adicionado"},
		toldPasskey: {"Passkey added", "Clave de acceso añadida", "已添加通行密钥", "Clé d’accès ajoutée", "Passkey hinzugefügt", "Chave de acesso adicionada"},
		toldRemoved: {"Device or passkey removed", "Dispositivo o clave de acceso eliminados", "已移除设备或通行密钥", "Appareil ou clé d’accès supprimé", "Gerät oder Passkey entfernt", "Dispositivo ou chave de acesso removidos"},
		toldCodesNew: {"New recovery codes made; the old ones no longer work", "Nuevos códigos de recuperación; los anteriores ya no valen", "已生成新的恢复码，旧恢复码失效", "Nouveaux codes de secours ; les anciens ne valent plus",
			"Neue Wiederherstellungscodes; die alten gelten nicht mehr", "Novos códigos de recuperação; os antigos não valem mais"},
		toldPassword: {"Password changed", "Contraseña cambiada", "密码已更改", "Mot de passe modifié", "Passwort geändert", "Senha alterada"},
		toldInvited: {"A supervisor let a new device be enrolled for you", "Un supervisor permitió inscribir un nuevo dispositivo para usted", "主管允许为您登记新设备", "Un superviseur a permis d’inscrire un nouvel appareil pour vous",
			"Eine Teamleitung hat erlaubt, ein neues Gerät für Sie einzurichten", "Um supervisor permitiu registrar um novo dispositivo para você"},
		toldReset: {"A supervisor took your password, devices and passkeys away", "Un supervisor retiró su contraseña, dispositivos y claves de acceso", "主管已清除您的密码、设备和通行密钥", "Un superviseur a retiré vos mot de passe, appareils et clés d’accès",
			"Eine Teamleitung hat Passwort, Geräte und Passkeys entfernt", "Um supervisor removeu sua senha, dispositivos e chaves de acesso"},
		toldEnrolled: {"New device enrolled; former ones no longer work", "Nuevo dispositivo inscrito; los anteriores ya no valen", "已登记新设备，旧设备失效", "Nouvel appareil inscrit ; les anciens ne valent plus", "Neues Gerät eingerichtet; frühere gelten nicht mehr", "Novo dispositivo registrado; os anteriores não valem mais"},
		toldEmail:    {"Address for these notices changed", "Dirección de estos avisos cambiada", "接收此类通知的地址已更改", "Adresse de ces avis modifiée", "Adresse für diese Hinweise geändert", "Endereço destes avisos alterado"},
	}[n.What]
	if !ok {
		return n.What
	}
	return told.in(language)
}

// message is the e-mail: what, when, with which kind of device, and what to do
// if it was somebody else. Nothing in it says whose account it is.
func (n Notice) message(language, desk string) (title, text string) {
	device := n.Device
	if device == "" {
		device = "—"
	}
	title = inLanguages{"Your sign-in: please check", "Su acceso: compruébelo, por favor", "您的登录：请核对", "Votre connexion : vérifiez, s’il vous plaît", "Ihre Anmeldung: bitte prüfen", "Seu acesso: verifique, por favor"}.in(language)
	form := inLanguages{
		"%s\n\nTime: %s\nDevice: %s\n\nIf it was you, there is nothing to do. If not, tell your supervisor or your security team at once, and end your sessions yourself:\n%s\n",
		"%s\n\nHora: %s\nDispositivo: %s\n\nSi ha sido usted, no tiene que hacer nada. Si no, avise enseguida a su supervisor o a su equipo de seguridad y cierre usted mismo sus sesiones:\n%s\n",
		"%s\n\n时间：%s\n设备：%s\n\n如果是您本人操作，无需处理。否则请立即告知您的主管或安全团队，并自行结束会话：\n%s\n",
		"%s\n\nHeure : %s\nAppareil : %s\n\nSi c’était vous, il n’y a rien à faire. Sinon, prévenez tout de suite votre superviseur ou l’équipe de sécurité et fermez vous-même vos sessions :\n%s\n",
		"%s\n\nZeit: %s\nGerät: %s\n\nWaren Sie es selbst, ist nichts zu tun. Wenn nicht, sagen Sie es sofort Ihrer Teamleitung oder dem Sicherheitsteam und beenden Sie Ihre Sitzungen:\n%s\n",
		"%s\n\nHora: %s\nDispositivo: %s\n\nSe foi você, não precisa fazer nada. Se não, avise já seu supervisor ou a equipe de segurança e encerre suas sessões:\n%s\n",
	}.in(language)
	return title, fmt.Sprintf(form, n.Text(language), n.At.UTC().Format("2006-01-02 15:04 UTC"), device, desk+"/sessions")
}
