"""English words that decide what a capitalised sequence is, written by hand; one word is one token of `tokens`."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# What stands before a person's name and is no part of it.
TITLES = _words("""
    Acting Actor Actress Adm Adm. Admiral Alderman Ambassador Analyst Archbishop Archduke Assistant Associate
    Attorney Author Ayatollah Baron Baroness Bishop Brig Brig. Brigadier Brother Capt Capt. Captain Cardinal CEO
    CFO Chair Chairman Chairperson Chairwoman Chancellor Chief Co-founder Coach Col Col. Colonel Commandant
    Commander Commissioner Commodore Comrade Congressman Congresswoman Constable Consul COO Corporal
    Correspondent Councillor Councilman Councilwoman Counsel Count Countess Cpl Cpl. Crown Czar Dame Defence
    Defense Deputy Detective Director Doctor Dr Dr. Duchess Duke Economist Editor Emir Emperor Empress Envoy
    Ex-President Ex-Prime Executive Father Finance First Foreign Former Founder Fr Gen Gen. General Gov Gov.
    Governor Hajj Hon Hon. Imam Inspector Interior Judge Justice Justices Kaiser King Lady Leader Lieutenant
    Lord Lt Lt. Madam Maj Maj. Major Manager Marshal Maulana Mayor MEP Minister Miss Mister MP Mr Mr. Mrs Mrs.
    Ms Ms. Mullah Officer Pastor Photographer Pope Premier President President-elect Presidents Prime Prince
    Princess Private Prof Prof. Professor Prosecutor Pvt Pvt. Queen Rabbi Rep Rep. Reporter Representative
    Representatives Reps. Researcher Rev Rev. Reverend Secretary Sen Sen. Senator Senators Senior Sens. Sergeant
    Sgt Sgt. Shaikh Sheik Sheikh Sheriff Singer Sir Sister Solicitor Speaker Special Spokesman Spokesperson
    Spokeswoman Sultan Superintendent Trooper Tsar Undersecretary Vice Vice-President
""")

# Words of TITLES that are no title alone, and may be part of an organisation's name.
SOFT_TITLES = _words("""
    Acting Assistant Associate Attorney Brother Chief Crown Defence Defense Deputy Director Economist Editor
    Executive Father Finance Foreign Former General Interior Justice King Leader Major Marshal Prime Prince
    Princess Private Queen Secretary Senior Sister Speaker Special Vice
""")

# Lower-case words that a person's name follows.
ROLES = _words("""
    accountant activist actor actress administrator adviser advisor agent aide ally ambassador analyst anchor
    architect artist assistant astronaut athlete attorney author ballerina banker bassist billionaire biographer
    biologist bishop blogger bodyguard boss boxer boyfriend broadcaster broker brother businessman businesswoman
    campaigner candidate captain cardinal cartoonist ceo chair chairman chairwoman champion chancellor chef
    chemist chief choreographer cleric co-founder coach colleague columnist comedian commander commissioner
    composer conductor congressman congresswoman contractor coordinator correspondent councillor counsel
    counterpart critic curator cyclist dancer daughter defender delegate deputy designer detective developer
    dictator diplomat director dissident doctor driver drummer economist editor emperor engineer entrepreneur
    envoy executive expert farmer father fighter filmmaker financier footballer founder friend fugitive general
    geologist girlfriend goalkeeper golfer governor guard guitarist gunman heir heiress historian host husband
    imam immunologist inspector instructor inventor investigator investor jeweller journalist judge justice
    keeper king lawmaker lawyer leader lecturer lieutenant linguist magnate manager marshal mathematician mayor
    medallist midfielder militant millionaire minister model mogul monarch mother musician named naturalist
    neighbor neighbour nephew neurologist newcomer nicknamed novelist nurse officer official opponent organiser
    organizer owner painter partner pastor patient pharmacist philanthropist philosopher photographer physician
    physicist pianist pilot playwright poet policeman politician pope predecessor premier presenter president
    priest prince princess principal producer professor programmer prosecutor protester psychiatrist
    psychologist publisher quarterback queen rabbi racer rapper rebel referee reporter representative researcher
    resident rival runner sailor scholar scientist screenwriter sculptor secretary senator sergeant servant
    shareholder sheriff singer singer-songwriter sister skipper soldier solicitor son songwriter soprano
    spokesman spokesperson spokeswoman spy star statesman strategist striker student successor sultan
    superintendent superstar surgeon suspect swimmer teacher teammate tenor theologian therapist trader trainer
    treasurer tsar tycoon undersecretary veteran vice-president victim violinist vocalist warlord widow wife
    winger winner witness worker wrestler writer
""")

# Words after a name that is mostly a person's.
PERSON_VERBS = _words("""
    added adds admits admitted argued argues believed believes commented described died explained explains felt
    graduated herself himself hopes insisted insists joined joked jokes knew laughed laughs married met noted
    notes praised recalled recalls reiterated replied replies resigned retired said says scored smiled stressed
    substituted tells testified thinks thought told tweeted urged vowed wanted wants warned warns who whose
    writes wrote
""")

# Words before a name that may be a place's; before a known one they are enough.
PLACE_PREPOSITIONS = _words("""
    above across around at below between beyond capital central city downtown eastern from in inside into near
    northern of outside
    province reach reached southern through throughout to toward towards town via village visit visited visiting
    western
""")

# Those before an unknown name that is mostly a place's.
STRONG_PLACE_PREPOSITIONS = _words("""
    across around central downtown eastern in into near northern outside southern throughout upstate western
""")

# Those before an unknown name that is a place's in about six of ten cases.
WEAK_PLACE_PREPOSITIONS = _words("""
    at from off
""")

# What "of" and a place's name follow.
PLACE_NOUNS = _words("""
    area borough capital cities city coast coasts county district districts east governorate hamlet inhabitants
    island
    islands mayor mouth municipality neighborhood neighbourhood north north-east north-west northeast northwest
    outskirts parish peninsula people port ports prefecture province provinces region regions residents shores
    south south-east south-west southeast southwest streets suburb suburbs town towns township university
    upstream downstream village villages west
""")

# What begins "left Paris for Lima".
DEPARTURES = _words("""
    bound depart departed departs headed leave leaves leaving left sailed
""")

# After these several unknown words are hardly ever a person's name.
DETERMINERS = _words("""
    a an any each every her his its my no our some that the their these this those your
""")

# After several unknown words, what says that they are no person's name.
GROUPS = _words("""
    communities community language languages method model people peoples project system tribe tribes
""")

# Lower-case words inside a person's name.
PARTICLES = _words("""
    abu af al av bin bint da dal dalla das de del della delle den der di do dos du e el ibn la le ten ter ud ul
    ur van von y zu zur
""")

# What ends an organisation's name.
ORG_HEADS = _words("""
    AC Academy Administration AG Agencies Agency Airlines Airways Alliance Archdiocese Army Assembly Assn
    Associates Association Associations Athletic Authority Bancorp Band Bank Bankers Battalion Board Books
    Brewery Brigade Brigades Broadcasting Brothers Bureau Cabinet Cartel Cartels Caucus Center Centre CF Chamber
    Choir Chronicle Church Clinic Club Co Co. Coalition College Command Commission Committee Commons
    Communications Company Confederation Conference Congregation Congress Consortium Consulate Consultants
    Consulting Cooperative Corp Corp. Corporation Corps Council Courier Court Department Departments Dept
    Diocese Directorate Dispatch Division Electric Electronics Embassy Energy Enterprises Entertainment Examiner
    Express F.C. Faction FC Federation Fellowship Fighters Films Financial Fleet Force Forces Forum Foundation
    Fraternity Front Fund Gang Gazette GmbH Government Greens Group Guard Guards Guild Healthcare Herald
    Holdings Hospital House Inc Inc. Industries Initiative Inquirer Institute Institution Insurance
    International Investigators Investments Jihad Journal Judiciary Junta Knesset Laboratories Laboratory Labs
    League Legion Legislature Liberals Library Limited LLC LLP Lobby Ltd Ltd. Mafia Magazine Media Medicine
    Metals Militants Militia Militias Ministries Ministry Mobility Monastery Monitor Mortgage Motors Movement
    Museum Navy Network Networks News Newspaper Observatory Observer Office Oil Opera Orchestra Organisation
    Organization Parliament Partners Partnership Party Patrol Petroleum Pharmaceuticals Philharmonic Pictures
    PLC Plc Police Politburo Polytechnic Post Press Productions Publishers Publishing Radio Railroad Railway
    Railways Rebels Recordings Records Regiment Registrar Registry Reporter Resistance Resources Restaurants
    Review Rovers Sabha SC School Secretariat Securities Senate Sentinel Service Services Shipping
    Society Software Solutions Squad Squadron Star-Ledger Star-Telegram Stores Studios Symphony Syndicate
    Systems Taskforce Team Tech Technologies Technology Telecom Telegraph Television Times Treasury Tribunal
    Tribune Trust Union Unions United University Veterans Volunteers Wanderers Warriors Weekly Wireless Workshop
    Worldwide
""")

# What "of ..." may follow in an organisation's name.
ORG_HEADS_OF = _words("""
    Academy Administration Agency Alliance Archdiocese Army Assembly Association Authority Bank Board
    Brotherhood Bureau Center Central Centre Chamber Church Coalition College Commission Committee Community
    Companions Company Confederation Conference Congregation Congress Congresses Council Court Daughters
    Department Diocese Directorate Faculty Federation Fellowship Foundation Fraternity Friends Front Government
    Guild House Institute Institution Knights League Library Ministers Ministry Movement Municipality Museum
    National Observatory Office Order Organisation Organization Parliament Party School Secretariat Sisters
    Society Sons Supreme Syndicate Treasury Union University
""")

# What "for ..." or "on ..." may follow in an organisation's name.
ORG_HEADS_FOR = _words("""
    Agency Alliance Association Authority Board Campaign Center Centers Centre Centres Coalition College
    Commission Committee Conference Council Court Department Directorate Federation Forum Foundation Fund
    Initiative Institute Ministry Movement Network Observatory Office Organisation Organization Party Program
    Project School Service Society Trust Union
""")

# Of ORG_HEADS, those that a minister or an editor may be of: before a title they end no name.
SUBJECTS = _words("""
    Communications Energy Entertainment Financial Healthcare Insurance Investments Media
    Medicine Oil Resources Securities Services Software Technology Works
""")

# What ends a place's name.
PLACE_HEADS = _words("""
    Airbase Airfield Airport Archipelago Arena Ave Avenue Ballpark Barracks Basin Bay Beach Blvd Boulevard
    Bridge Building Camp Canal Canyon Castle Cathedral Cemetery Channel City Cliffs Coast Colony County
    Courthouse Creek Crossing Dam Delta Desert District Embankment Expressway Fairgrounds Falls Field Forest
    Fort Freeway Garden Gardens Gate Ghetto Glacier Governorate Gulf Hall Harbor Harbour Heights Highway Hill
    Hills Hotel Inn Interchange Island Islands Isle Isles Junction Kingdom Lake Lakes Lane Lighthouse Mall
    Mansion Marina Memorial Monument Mosque Mount Mountain Mountains Oblast Oblasts Ocean Palace Parish Park
    Parkway Pass Peak Peninsula Pier Plateau Plaza Port Prefecture Prison Province Racecourse Range Reef
    Refinery Republic Reservation Reserve Reservoir Ridge River Road Sea Shore Speedway Springs Square Stadium
    Station Strait Street Strip Suburb Synagogue Terrace Territories Territory Theater Theatre Tower Towers Town
    Township Tunnel Turnpike Valley Village Volcano Waterfall Woods Zoo
""")

# What begins a place's name.
PLACE_HEADS_BEFORE = _words("""
    Bay Cabo Camp Cape Casa City Fort Ft Ft. Gulf Ilha Isla Monte Pointe Punta Isle Jabal Jebel Kingdom Lake
    Mount Mt Mt. Palazzo Piazza Point
    Port Province Puerto Ras Republic Rio River Rue Santa Sea St St. Strait Tel Via Villa Wadi
""")

# What begins a place's name with "of".
PLACE_HEADS_OF = _words("""
    Bay Cape City County Duchy Gulf Horn Isle Kingdom Port Principality Province Republic Sea State States
    Strait Straits Town
""")

# What ends a name of something else: events, laws, works, prizes.
OTHER_HEADS = _words("""
    Accord Accords Act Action Age Agreement Amendment Americans Anniversary Anthem Article Award Awards Bachelor
    Bible Bill Bowl Boys Carnival Century Championship Championships Chapter Charter Christians Christmas
    Citizens Code Constitution Contest Convention Covenant Crisis Cup Day Days Deal Decade Declaration Degree
    Derby Disease Doctrine Economics Edition Engineering English Era Eve Festival Figure Finals Formula Games
    Genocide Girls Gospel Grade History Holocaust Hurricane Index Intifada Jews Law Laws Level Marathon Mass
    Massacre Master Mathematics Medal Memorandum Men Muslims Night Olympics Open Oscars Pact Page Paralympics
    Part People Phase Plan Playoffs Prix Prize Project Protocol Rebellion Referendum Reformation Religion Report
    Resolution Revolt Revolution Round Rule Scandal Science Sciences Season Section Series Show Spring Storm
    Strategy Studies Summit Syndrome Table Theorem Theory Titles Tour Tournament Treaty Trial Trophy Typhoon
    Uprising Virus Vol Volume War Wars Week Weekend Weekly Women Year Zeitgeist
""")

# What begins one.
OTHER_HEADS_BEFORE = _words("""
    Act Apollo Article Boeing Category Chapter Class Cyclone Day Episode Exhibit Figure Flight Game Grade Group
    Highway Hurricane Interstate Level Operation Page Phase Proposition Psalm Resolution Room Route Season
    Section Storm Super Tropical Type Typhoon Unit Version Volume Week Windows World
""")

# Days, months, feasts, time zones.
CALENDAR = _words("""
    a.m. AD AM Apr Apr. April Ashura Aug Aug. August BC BCE BST CE CEST CET Christmas Dec Dec. December Diwali
    Easter EDT Eid EST Feb Feb. February Fri Friday Fridays GMT Halloween Hanukkah Jan Jan. January Jul Jul.
    July Jun Jun. June Lent Mar Mar. March May Mon Monday Mondays Nov Nov. November Oct Oct. October p.m.
    Passover PDT PM PST Ramadan Sat Saturday Saturdays Sep Sep. Sept Sept. September Sun Sunday Sundays
    Thanksgiving Thu Thurs Thursday Thursdays Tue Tues Tuesday Tuesdays UTC Wed Wednesday Wednesdays
""")

# Peoples, languages, religions, movements, directions: adjectives, no names.
DEMONYMS = _words("""
    Afghan Afghans African African-American African-Americans Africans Afro-American AIDS Alaskan Alawite
    Alawites Albanian Albanians Algerian Algerians Allah American Americans Andorran Anglican Anglicans
    Anglo-American Anglo-Saxon Angolan Angolans Arab Arabian Arabic Arabs Argentine Argentines Argentinian
    Armenian Armenians Asian Asian-American Asians Assyrian Athenian Australian Australians Austrian Austrians
    Azerbaijani Azeri Azeris Bahamian Bahraini Bahrainis Baltic Bangladeshi Bangladeshis Baptist Baptists Basque
    Bavarian Belarusian Belarusians Belgian Belgians Bengali Berber Berliner Bible Bolivian Bolivians Bolshevik
    Bolsheviks Bosnian Bosnians Brazilian Brazilians British Briton Britons Buddha Buddhism Buddhist Buddhists
    Bulgarian Bulgarians Burmese Burundian Byzantine Californian Cambodian Cambodians Cameroonian Canadian
    Canadians Castilian Catalan Catalans Catholic Catholicism Catholics Celtic Central Chadian Chechen Chechens
    Chilean Chileans Chinese Christ Christian Christianity Christians Colombian Colombians Communism Communist
    Communists Congolese Conservative Copt Coptic Copts COVID Covid Croat Croatian Croatians Croats Cuban Cubans
    Cypriot Cypriots Czech Czechs Dane Danes Danish Democrat Democratic Democrats Dominican Druze Dutch East
    Eastern Ebola Ecuadorean Ecuadorian Egyptian Egyptians Emirati Emiratis English English-language Englishman
    Enlightenment Eritrean Eritreans Estonian Estonians Ethiopian Ethiopians European Europeans Evangelical
    Evangelicals Fascist Fascists Fijian Filipino Filipinos Finn Finnish Finns Flemish French Frenchman Gabonese
    Gambian Georgian Georgians German Germanic Germans Ghanaian Ghanaians God Greek Greeks Guatemalan Guinean
    Gypsy Haitian Haitians Hausa Hawaiian Hellenic Hindu Hinduism Hindus Hispanic Hispanics HIV Honduran
    Hondurans Hungarian Hungarians Hutu Hutus Icelandic Igbo Indian Indians Indonesian Indonesians Internet
    Inuit Iranian Iranians Iraqi Iraqis Irish Irishman Islam Islamic Islamist Islamists Israeli Israelis Italian
    Italians Ivorian Jamaican Jamaicans Japanese Jesuit Jesuits Jesus Jew Jewish Jews Jordanian Jordanians
    Judaism Kashmiri Kazakh Kazakhs Kenyan Kenyans Koran Korean Koreans Kosovar Kurd Kurdish Kurds Kuwaiti
    Kuwaitis Kyrgyz Labor Labour Lao Laotian Latin Latin-American Latino Latinos Latvian Latvians Lebanese
    Leninist Liberal Liberian Liberians Libyan Libyans Lithuanian Lithuanians Londoner Londoners Lord Lutheran
    Macedonian Macedonians Malagasy Malawian Malay Malaysian Malaysians Malian Malians Maltese Maoist Maoists
    Maori Maronite Marxism Marxist Marxists Mauritanian Methodist Methodists Mexican Mexicans Moldovan Moldovans
    Mongol Mongolian Mongols Montenegrin Mormon Mormons Moroccan Moroccans Mozambican Muscovite Muslim Muslims
    Myanmarese Namibian Nazi Nazis Neapolitan Nepalese Nepali Nicaraguan Nigerian Nigerians Nigerien Nordic
    North Northeast Northern Northwest Norwegian Norwegians Olympian Olympic Olympics Omani Omanis Orthodox
    Ossetian Ottoman Pakistani Pakistanis Palestinian Palestinians Panamanian Paraguayan Parisian Parisians
    Pashtun Pashtuns Persian Persians Peruvian Peruvians Pole Poles Polish Portuguese Prophet Protestant
    Protestants Punjabi Qatari Qataris Quaker Quakers Quran Renaissance Republican Republicans Rohingya Roma
    Roman Romani Romanian Romanians Romans Russian Russians Rwandan Rwandans Salafi Salafist Salvadoran
    Salvadorans Samoan Satan Saudi Saudis Scandinavian Scot Scots Scottish Senegalese Serb Serbian Serbians
    Serbs Shi'a Shi'ite Shi'ites Shia Shiite Shiites Sicilian Sikh Sikhs Singaporean Sinhalese Slav Slavic Slavs
    Slovak Slovakian Slovaks Slovene Slovenes Slovenian Socialist Socialists Somali Somalis South Southeast
    Southern Southwest Soviet Soviets Spaniard Spaniards Spanish Stalinist Sudanese Sunni Sunnis Swahili Swede
    Swedes Swedish Swiss Syrian Syrians Taiwanese Tajik Tajiks Tamil Tamils Tanzanian Tanzanians Tatar Tatars
    Texan Texans Thai Thais Tibetan Tibetans Togolese Torah Tory Trotskyist Tuareg Tunisian Tunisians Turk
    Turkish Turkmen Turks Tutsi Tutsis Ugandan Ugandans Uighur Uighurs Ukrainian Ukrainians Urdu Uruguayan
    Uyghur Uyghurs Uzbek Uzbeks Venetian Venezuelan Venezuelans Victorian Viennese Vietnamese Wahhabi Web Welsh
    Welshman West Western Whig Yazidi Yazidis Yemeni Yemenis Yoruba Yugoslav Zambian Zambians Zika Zimbabwean
    Zimbabweans Zionism Zionist Zionists Zulu
""")

# Capitalised words that are no name when they stand alone.
NO_NAMES = _words("""
    AED AES ANSI API APIs APR ARM ASCII ASIN BIOS BLS BMI BYOD CAD CAGR CAPTCHA CBD CDMA CDN CGI CISO CLI CMS
    CNC CPR CRM
    CSV CTA CTO CTR DHCP DNS DOI DPI DRM DSLR ECG EEG EHR EIN EPS ERP EULA EVs FDD FHD FOMO FPS FTP GDPR GHz GIF GIS
    GMO GSM GTIN GUI HDD HDR HIIT HOA HPV HTTP HTTPS HVAC IDE IELTS IMAP IoT IRA ISBN ISP ISPs IVF JPEG JSON JVM
    KYC LAN
    LLM LLMs LMAO MFA MIDI MMO MOOC MOOCs MPG MPH MPN NDA NFC NFT NFTs NLP NPC OCR OEM OLED OSINT OTA OTC PCI
    PEX PGP
    PII PNG POC PPA PPC PTO PVC PWA QA QR RAD RAID RAM RAW REST RGB ROM RPG RPM RSV SAT SDK SDKs SEM SEO SERP
    SERPs SKU
    SKUs SLA SMTP SSD SSH SSL SSN STD STEM SUVs SVG TCP TDD TLS TOEFL TSX UDP UGC UI UPC UPS USDT UTF UTM UWP UX
    VAT VHS
    VLAN VM VOIP VPNs VPS VR WAN WYSIWYG XML XOR YAML YOLO
    ADHD Advertisement Ah AI AK-47 AKA Ambassador Android API APR ASAP ATM Audio BA Best Bishop Bitcoin Brexit
    BTW Bye Cabinet Cc CCTV CD CEO CFO Chancellor Cheers Church Comments Congrats Congratulations Congressman
    Constitution Coronavirus Court COVID-19 Covid-19 CPI CPU CSS CV Dad Daddy Dear DIY DJ DNA Dr DUI DVD E-mail
    Earth East Eastern Editor EDT Email ERA ESG ETF EUR Excel FAQ FAQs Father FLOTUS Fri FW Fwd FYI GBP GDP
    General GNP God Good GOTV Government Governor GPS GPU Grandma Grandpa Great Ha Haha Happy HDMI Hello Hey Hi
    HQ HR HTML I I'd I'll I'm I've ICT ICU ID IED II III Image IMHO IMO Internet iPad iPhone IPO IQ IT IV IX
    Jeep Judge Kindle King Kleenex KPI LCD LED LGBT LGBTQ Linux LOL LTE MA Madam Mars Mayor MBA MD Minister Miss
    Mom Mommy Mon Moon Mother MP MPs Mr MRI Mrs Ms MSc MSRP Mum MVP N.B. NGO NGOs No North Northern NSFW Oh OK
    Ok Okay Opposition P.S. Parliament PC PCR PDF PhD Photo Photos PIN PlayStation Please PM PMs Polaroid
    Polaroids Pope POS Posted POTUS PPE PPG PPI PR President Prince Princess Prozac PS PTSD Published QC Queen
    RAM RBI RE Re Read Regards Related Reply RFP RIP RNA ROI RPA RSS RSVP SaaS Sat SCADA Senator Share SIM
    Sincerely Sir SMS Sorry SOS Source South Southern SQL State Sun SUV Tags TBA TBD Thank Thanks Thu Tue TV UFO
    Updated URL USB USD VI Viagra Video VII VIII VIP VPN Watch Web Wed Welcome Well West Western Windows WMD
    WMDs Word Wow Xbox XI XII XIII XIV XV XVI Yes
""")

# Function words and the commonest openers: capitalised only because a sentence starts there.
OPENERS = _words("""
    a about above according across after afterwards again against ago all almost along already also although
    always am amid amidst among an and another any anyone anything are around as asked at away back based
    because become been before behind being below beneath beside besides between beyond both but by came can
    cannot could despite did do does doing done down due during each earlier eight either eleven else elsewhere
    enough even eventually ever every everybody everyone everything except fellow few fewer finally first five
    following for former formerly four from further furthermore get gets given giving go goes had has have
    having he hence her here hers herself him himself his how however hundreds if in including indeed inside
    instead into is it its itself just last late later latest least less let like likewise local made make makes
    many may maybe me meanwhile might millions mine more moreover most much must my myself near nearby nearly
    neither never nevertheless new next nine no nobody none nonetheless nor not notably nothing now nowadays of
    off officials often old on once one ones only onto or other others otherwise our ours out outside over own
    per perhaps please police previously probably put rather recent recently regarding said same says second see
    seen seven several shall she should similarly since six so some somebody somehow someone something sometimes
    soon still such ten than that the their theirs them themselves then there thereafter therefore these they
    third this those though thousands three through throughout thus till to today together tomorrow tonight too
    toward towards twelve twenty two under underneath unless unlike until up upon us use used using usually
    various very via was we well were what whatever when whenever where whereas whether which while who whoever
    whole whom whose why will with within without would yesterday yet you your yours yourself
""")

# Of those, the ones that are part of no name inside a sentence either.
NEVER_INSIDE = _words("""
    A An And But He Her His How I If It My Or Our She So That The Their These They This Those We What When Where
    Who Why You Your
""")

# What follows the hyphen in "Lima-based": the word before it is a name of its own.
MODIFIERS = _words("""
    backed based born bound controlled educated era funded held led like made owned run style trained
""")


# Words of reports on matches, in which countries are teams, and of little else.
SPORT = _words("""
    athlete athletes basketball cricket defender football goalkeeper goalless goals half-time handball hat-trick
    header hockey innings match matches midfielder offside qualifier quarter-final rugby scored semi-final
    soccer striker substituted volleyball wicket wickets
""")

# Words that such reports share with others.
MATCH = SPORT | _words("""
    beat beaten coach cup defeat defeated defeating drew final game goal group kick league lost opponents
    penalties penalty player players scoring season shot shots squad team teams tournament try win winning won
""")

# Before a place's name that is all common words: the Park, in Central Park.
BEFORE_PLAIN_PLACES = (
    PLACE_PREPOSITIONS
    | STRONG_PLACE_PREPOSITIONS
    | WEAK_PLACE_PREPOSITIONS
    | _words("""
    along and on the
""")
)

# Of ORG_HEADS, those that common words before them make no name of: Customer Service.
PLAIN_ORG_HEADS = SUBJECTS | _words("""
    Books College Express Publishing School Service Solutions Systems Team
""")

# Stock exchanges: a ticker follows.
EXCHANGES = _words("""
    AMEX ASX LON LSE NASDAQ Nasdaq NYSE OTC TSE TSX
""")
