package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/privet-gateway/privet/gateway/page"
	"github.com/privet-gateway/privet/mfa"
)

// questionTexts are put to callers as they stand; an answer's letters and
// digits count, however it is written.
func questionTexts() map[string]map[string]string {
	return map[string]map[string]string{
		"birth_date": {"en": "Date of birth (year, month, day)", "es": "Fecha de nacimiento (año, mes, día)", "zh": "出生日期（年、月、日）",
			"fr": "Date de naissance (année, mois, jour)", "de": "Geburtsdatum (Jahr, Monat, Tag)", "pt": "Data de nascimento (ano, mês, dia)"},
		"postcode": {"en": "Postcode of the address on file", "es": "Código postal de la dirección registrada", "zh": "登记地址的邮政编码",
			"fr": "Code postal de l’adresse enregistrée", "de": "Postleitzahl der hinterlegten Anschrift", "pt": "CEP do endereço registrado"},
		"street": {"en": "Street and number of the address on file", "es": "Calle y número de la dirección registrada", "zh": "登记地址的街道和门牌号",
			"fr": "Rue et numéro de l’adresse enregistrée", "de": "Straße und Hausnummer der hinterlegten Anschrift", "pt": "Rua e número do endereço registrado"},
		"employer": {"en": "Employer", "es": "Empresa donde trabaja", "zh": "工作单位", "fr": "Employeur", "de": "Arbeitgeber", "pt": "Empregador"},
		"opened": {"en": "Day the account was opened (year, month, day)", "es": "Día de apertura de la cuenta (año, mes, día)", "zh": "开户日期（年、月、日）",
			"fr": "Jour d’ouverture du compte (année, mois, jour)", "de": "Tag der Kontoeröffnung (Jahr, Monat, Tag)", "pt": "Dia de abertura da conta (ano, mês, dia)"},
		"username": {"en": "User name at online banking", "es": "Nombre de usuario en la banca en línea", "zh": "网上银行的用户名",
			"fr": "Nom d’utilisateur de la banque en ligne", "de": "Benutzername im Online-Banking", "pt": "Nome de usuário no internet banking"},
	}
}

// complete gives each question its text and refuses what cannot be asked.
func (c *personsConfig) complete() error {
	if len(c.Questions) > 0 && len(c.Questions) < 3 {
		return errors.New("cardholders.questions: want at least three, or none")
	}
	known := questionTexts()
	for id, q := range c.Questions {
		if q.Path == "" {
			return fmt.Errorf("cardholders.questions.%s: want the path of its answer", id)
		}
		if q.Text == nil {
			q.Text = known[id]
		}
		for _, lang := range page.Languages() {
			if q.Text[string(lang)] == "" {
				return fmt.Errorf("cardholders.questions.%s: no text in %s", id, lang)
			}
		}
		c.Questions[id] = q
	}
	return nil
}

// Questions are those that the system of record has an answer to.
func (c *cardholders) Questions(ctx context.Context, subject, language string) ([]mfa.Question, error) {
	answers, err := c.Answers(ctx, subject)
	if err != nil {
		return nil, err
	}
	var list []mfa.Question
	for _, id := range slices.Sorted(maps.Keys(answers)) {
		text := c.cfg.Questions[id].Text
		if text[language] == "" {
			language = "en"
		}
		list = append(list, mfa.Question{ID: id, Text: text[language]})
	}
	return list, nil
}

// Answers are those on file.
func (c *cardholders) Answers(ctx context.Context, subject string) (map[string]string, error) {
	record, err := c.record(ctx, subject)
	if errors.Is(err, errNoChannel) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	answers := map[string]string{}
	for id, q := range c.cfg.Questions {
		if text, _ := at(record, q.Path).(string); text != "" {
			answers[id] = text
		}
	}
	return answers, nil
}
