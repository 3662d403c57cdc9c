package redact

// English, as callers say it. See speech for the form.
const spokenEnglish = `
digit 0 zero oh o nought naught nil
digit 1 one
digit 2 two
digit 3 three
digit 4 four
digit 5 five
digit 6 six
digit 7 seven
digit 8 eight
digit 9 nine niner
plural 0 zeros zeroes ohs
plural 1 ones
plural 2 twos
plural 3 threes
plural 4 fours
plural 5 fives
plural 6 sixes
plural 7 sevens
plural 8 eights
plural 9 nines
teen 10 ten
teen 11 eleven
teen 12 twelve
teen 13 thirteen
teen 14 fourteen
teen 15 fifteen
teen 16 sixteen
teen 17 seventeen
teen 18 eighteen
teen 19 nineteen
tens 20 twenty
tens 30 thirty
tens 40 forty fourty
tens 50 fifty
tens 60 sixty
tens 70 seventy
tens 80 eighty
tens 90 ninety
hundred hundred
thousand thousand
big million billion trillion
repeat 2 double
repeat 3 triple treble
repeat 4 quadruple
times times times_the
and and
point point
mark . dot period full_stop
mark @ at at_sign at_symbol at-sign
mark - dash hyphen minus
mark _ underscore under_score
mark / slash forward_slash
mark : colon
mark + plus
mark , comma
mark # hash pound_sign
filler um uh er erm hmm mm ah well so like then and_then okay ok alright right yes yeah yep sure now let's_see let_me_see you_know next followed_by after_that finally lastly again go_on uh_huh mm_hmm mhm please space gap pause
repair no nope sorry wait actually correction i_mean not rather scratch_that make_that make_it pardon excuse_me oops my_bad hold_on instead instead_of should_be i_said strike_that let_me_start_again let_me_start_over start_over i_misread wrong isn't_it
meta number numbers digit digits last first second third fourth fifth final part group block it is it's its that's that that_is the a an was are and_the my ends ends_with ends_in ending ending_in ending_with starts_with starts with begins begins_with we i're_at read reads here here's this these those you i've got i have
stop no_one is it's its it the to my me are was email e-mail mail address addresses send sent write wrote under as and or for use using that that's this have has reach contact you your i we he she his her their our can with from also called mailed user username name please of
prep in on since by until from for during about around after before ago between to over under than per
unit b_c a_d c_c p_m a_m dollar dollars buck bucks cent cents euro euros pound pounds percent pence quid minute minutes hour hours day days week weeks month months year years o'clock am pm a_m p_m card cards question questions time times people person kids children items thing things pieces miles kilometers kilograms kilos degrees points star stars second seconds moment
month january february march april may june july august september october november december jan feb mar apr jun jul aug sep sept oct nov dec
ordinal first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth thirtieth
like as_in for like is_for as
letter w double_u double_you
letter z zed zee
letter h aitch
nato a alpha alfa
nato b bravo
nato c charlie
nato d delta
nato e echo
nato f foxtrot
nato g golf
nato h hotel
nato i india
nato j juliet juliett
nato k kilo
nato l lima
nato m mike
nato n november
nato o oscar
nato p papa
nato q quebec
nato r romeo
nato s sierra
nato t tango
nato u uniform
nato v victor
nato w whiskey whisky
nato x x-ray xray
nato y yankee
nato z zulu
ask pan card_number credit_card debit_card card_ending long_number number_on_the_card sixteen_digits sixteen_digit number_on_your_card number_on_the_front across_the_front card
ask cvv cvv cvc cvv2 cvc2 c_v_v c_v_c c_v_v_two security_code card_verification verification_value three_digits_on_the_back three_digit_code three_digit_number three_digits digits_on_the_back number_on_the_back code_on_the_back back_of_the_card back_of_your_card four_digits_on_the_front csc
ask pin pin pin_number pin_code
ask expiry expiry expiration expiration_date expiry_date expires expire expired exp valid_until valid_thru valid_through good_thru good_through
ask secret the_code my_code code_is code_was code_i_got code_you_sent code_i_received one_time_code one_time_passcode one_time_password one_time_pin passcode pass_code verification_code confirmation_code code_we_sent code_i_sent code_we_texted code_we've_sent code_we_just_sent code_i_just_sent code_you_received code_sent code_that_was_sent code_from_the_text code_from_your code_in_the_text six_digit_code six_digits_we o_t_p otp authentication_code access_code security_word code_by_text code_texted
ask ssn social_security_number social_security social ssn s_s_n last_four_of_your_social
ask phone phone phone_number telephone telephone_number mobile mobile_number cell cell_phone cell_number call_me reach_me callback_number call_back_number call_you_back contact_number best_number
ask bank_account account_number bank_account checking_account savings_account account
ask routing routing_number routing sort_code aba
ask iban iban i_b_a_n
ask postcode postcode post_code postal_code zip_code zip
ask dob date_of_birth birth_date birthdate birthday born
ask email email_address e-mail_address email e-mail
ask passport passport passport_number
ask driver_licence driver's_license driver's_licence driving_licence driving_license license_number licence_number driver_license drivers_license
ask tax_id tax_id tax_number taxpayer_number itin
ask national_id national_insurance national_insurance_number id_number id_card identity_number
ask vehicle license_plate licence_plate number_plate registration_number
name full_name your_name first_name last_name surname name_please name_on_the_card name_on_the_account name_on_your_account cardholder's_name maiden_name who_am_i_speaking_with who_am_i_speaking_to whom_am_i_speaking who_do_i_have spell_your_name
`
