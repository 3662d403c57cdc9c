package redact

// French, with the Belgian and Swiss tens.
const spokenFrench = `
digit 0 zero
digit 1 un une
digit 2 deux
digit 3 trois
digit 4 quatre
digit 5 cinq
digit 6 six
digit 7 sept
digit 8 huit
digit 9 neuf
plural 0 zeros
teen 10 dix
teen 11 onze
teen 12 douze
teen 13 treize
teen 14 quatorze
teen 15 quinze
teen 16 seize
teen 17 dix_sept
teen 18 dix_huit
teen 19 dix_neuf
tens 20 vingt vingts
tens 30 trente
tens 40 quarante
tens 50 cinquante
tens 60 soixante
tens 70 septante
tens 80 huitante octante quatre_vingt quatre_vingts
tens 90 nonante
hundred cent cents
thousand mille
big million millions milliard milliards
repeat 2 double deux_fois
repeat 3 triple trois_fois
repeat 4 quadruple quatre_fois
times fois fois_le
and et
point virgule
mark . point
mark @ arobase arrobase arobas arrobas at a_commercial
mark - tiret trait_d'union moins
mark _ underscore tiret_bas souligne tiret_du_bas
mark / slash barre_oblique barre
mark : deux_points
mark + plus
mark # diese
filler euh heu hum ben bah alors puis et_puis ensuite et_ensuite donc d'accord ok okay oui ouais voila bien tres_bien maintenant suivi_de enfin apres et_apres je_vous_ecoute allez-y continuez parfait voyons espace ah hein c'est_note
repair non pardon desole desolee excusez-moi attendez attends je_veux_dire plutot pas correction je_me_suis_trompe je_me_trompe au_lieu_de je_corrige rectification erreur je_rectifie je_reprends et_non et_pas
meta numero numeros chiffre chiffres dernier derniere derniers premier premiere deuxieme troisieme quatrieme c'est est le la les l mon ma mes sont se_termine par commence partie groupe ce ca cela voici j'ai a c qui fin final un_instant
stop est c'est le la les l mon ma me a au avec en par pour de du des son que mail email courriel adresse electronique ecrire envoyer envoyez utilisateur et ou un une pouvez nous te se j'ai c contact mel je tu il elle on vous ils elles lui leur quand comment tres aussi deja seul personne quelqu
prep en depuis jusque pendant pour sur avant entre vers dans il_y_a
unit euro euros dollar dollars franc francs centime centimes pour_cent minute minutes heure heures jour jours semaine semaines mois an ans annee annees carte cartes question questions fois personne personnes enfants choses degres kilos points seconde secondes instant moment du_matin du_soir
month janvier fevrier mars avril mai juin juillet aout septembre octobre novembre decembre
ordinal premier
like comme
letter w double_v double_ve
letter y i_grec
letter h ache
letter z zede
ask pan numero_de_carte numero_de_la_carte numero_de_votre_carte carte_bancaire carte_bleue carte_de_credit seize_chiffres carte
ask cvv cvv cvc c_v_v cryptogramme code_de_securite trois_chiffres_au_dos trois_chiffres_du_dos dos_de_la_carte dos_de_votre_carte trois_derniers_chiffres au_dos_de trois_chiffres chiffres_au_dos
ask pin pin code_pin code_secret code_confidentiel
ask expiry expiration date_d'expiration date_de_validite validite expire date_d'echeance
ask secret code_a_usage_unique code_de_verification code_que_nous_vous_avons_envoye code_que_je_vous_ai_envoye code_que_vous_avez_recu code_envoye code_de_confirmation code_recu code_par_sms code_sms code_d'acces code_temporaire code_que_vous_venez_de_recevoir code_d'authentification
ask ssn securite_sociale numero_de_securite_sociale
ask phone telephone numero_de_telephone portable mobile numero_de_portable rappeler joindre appelez-moi
ask bank_account numero_de_compte compte_bancaire
ask iban iban rib
ask postcode code_postal
ask dob date_de_naissance naissance anniversaire ne_le nee_le
ask email adresse_mail adresse_email courriel adresse_e-mail adresse_electronique email e-mail mail
ask passport passeport
ask driver_licence permis_de_conduire permis
ask tax_id numero_fiscal
ask national_id carte_d'identite numero_d'identite
ask vehicle plaque_d'immatriculation immatriculation
name nom_complet votre_nom votre_prenom nom_de_famille prenom nom_et_prenom a_qui_ai-je_l'honneur nom_du_titulaire comment_vous_appelez-vous nom_de_jeune_fille
prep est_de etait_de sont_de
`
