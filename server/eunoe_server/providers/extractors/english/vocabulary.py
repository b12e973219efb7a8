"""Words by kind, where a kind can be told by its words alone.

A list here is never complete and need not be: what it lacks is not misread, only not read.
"""

from __future__ import annotations

from eunoe_server.providers.extractors.english.patterns import joined, words

#: Names that are a name in any case: "hi, im tom".
FIRST_NAMES = words("""
    aaron adam ahmed aisha alan alex alexander alice amanda amelia amir amy ana andrea andrew
    angela anna anne anthony antonio ashley ben benjamin beth bob brandon brian carlos carmen
    caroline catherine charles charlie charlotte chloe chris christina christopher claire clara dan
    daniel daniela dave david deborah diana diego dmitri dylan edward elena elias elizabeth ella
    emily emma eric ethan eva evan fatima felix fiona frank gabriel george giulia hannah hans harry
    hassan heather helen henry hugo ian ibrahim isabella ivan jack jacob jake james jamie jan jane
    jason javier jeff jennifer jessica jim joe john jonas jonathan jordan jose josh joshua juan
    julia julie justin karen kate katie kevin kim kyle laura lauren leah leo liam lily linda lisa
    liz louis lucas lucia lucy luis luke maria marie mario martin mary matt matthew maya megan mia
    michael michelle miguel mike mohammed monica nadia nancy natalie nathan nick nicole nina noah
    nora oliver olivia omar oscar pablo pamela patricia patrick paul paula pedro peter phil priya
    rachel raj rebecca richard robert rosa ryan sam samantha samuel sandra sanjay sara sarah scott
    sean sergei simon sofia sophia sophie stefan stephanie steve steven susan tariq thomas tim
    timothy tina tom tony tyler vanessa victor victoria vikram wei william yuki yusuf zoe
    """)

#: What follows "I am" without an article.
NATIONALITIES = words("""
    afghan albanian algerian american argentinian armenian australian austrian bangladeshi belgian
    bolivian brazilian british bulgarian cambodian canadian catalan chilean chinese colombian
    croatian cuban cypriot czech danish dominican dutch ecuadorian egyptian english estonian
    ethiopian filipino finnish french georgian german ghanaian greek guatemalan haitian hungarian
    icelandic indian indonesian iranian iraqi irish israeli italian jamaican japanese jordanian
    kazakh kenyan korean kurdish latvian lebanese libyan lithuanian malaysian maltese mexican
    moldovan mongolian moroccan nepali nigerian norwegian pakistani palestinian panamanian peruvian
    polish portuguese romanian russian saudi scottish senegalese serbian singaporean slovak
    slovenian somali spanish sudanese swedish swiss syrian taiwanese tanzanian thai tunisian
    turkish ugandan ukrainian uruguayan uzbek venezuelan vietnamese welsh zimbabwean
    """)

#: What is spoken.
LANGUAGES = words("""
    afrikaans albanian amharic arabic armenian asl basque bengali bosnian bulgarian burmese
    cantonese catalan chinese creole croatian czech danish dari dutch english esperanto estonian
    farsi filipino finnish flemish french gaelic galician georgian german greek gujarati hausa
    hebrew hindi hungarian icelandic igbo indonesian irish italian japanese kannada kazakh khmer
    korean kurdish lao latin latvian lithuanian macedonian malay malayalam maltese mandarin marathi
    mongolian nepali norwegian pashto persian polish portuguese punjabi quechua romanian russian
    sanskrit serbian sinhala slovak slovenian somali spanish swahili swedish tagalog tamil telugu
    thai tibetan tigrinya turkish ukrainian urdu uzbek vietnamese welsh xhosa yiddish yoruba zulu
    """)

#: The end of a title tells that it is one: "senior data engineer".
OCCUPATION = joined(r"""
    accountant|actor|actress|actuary|administrator|analyst|anthropologist|apprentice|archaeologist
    |architect|archivist|artist|astronomer|attorney|auditor|author|baker|banker|barber|barista
    |bartender|bassist|beekeeper|biologist|bookkeeper|botanist|bricklayer|broker|builder|butcher
    |caregiver|carer|carpenter|cashier|ceo|cfo|chef|chemist|chiropractor|civil servant|cleaner
    |clerk|co-founder|coach|comedian|composer|conductor|consultant|contractor|coo|cook|copywriter
    |counsellor|counselor|courier|cto|curator|dancer|data scientist|dentist|dermatologist|designer
    |detective|developer|devops|dietician|dietitian|director|dj|doctor|driver|ecologist|economist
    |editor|electrician|engineer|entrepreneur|estate agent|executive|farmer|filmmaker|firefighter
    |fisherman|flight attendant|florist|founder|freelancer|freshman|game dev|gardener|geologist
    |guitarist|hairdresser|handyman|historian|housewife|illustrator|instructor|interpreter|investor
    |janitor|jeweler|journalist|judge|lawyer|lecturer|librarian|lifeguard|linguist|locksmith
    |machinist|manager|marketer|mathematician|mechanic|medic|meteorologist|microbiologist|midwife
    |miner|model|musician|nanny|neurologist|neuroscientist|novelist|nurse|nutritionist|officer
    |optician|optometrist|paralegal|paramedic|pastor|pediatrician|pharmacist|phd candidate
    |philosopher|photographer|physician|physicist|physiotherapist|pianist|pilot|plumber|podcaster
    |poet|police officer|policeman|politician|postdoc|potter|priest|principal|producer|professor
    |programmer|project manager|psychiatrist|psychologist|psychotherapist|publicist|rabbi
    |radiologist|ranger|real estate agent|realtor|receptionist|recruiter|reporter|researcher|sailor
    |salesman|salesperson|saleswoman|scientist|screenwriter|sculptor|seamstress|secretary
    |security guard|singer|social worker|sociologist|software dev|soldier|songwriter|sophomore|sre
    |statistician|stay-at-home (?:mom|mum|dad|parent)|strategist|student|stylist|supervisor|surgeon
    |surveyor|sysadmin|tailor|tattooist|teacher|technician|therapist|trader|trainer|translator
    |truck driver|trucker|tutor|undergrad|undergraduate|underwriter|vet|veterinarian|vicar
    |videographer|violinist|waiter|waitress|warehouse worker|web dev|welder|worker|writer|youtuber
    |zoologist
    """)

#: What one works in.
INDUSTRIES = words("""
    academia accounting advertising agriculture architecture automotive aviation banking biotech
    construction consulting cybersecurity design education energy engineering fashion film finance
    fintech gaming government healthcare hospitality hr insurance it journalism law logistics
    manufacturing marketing media medicine music nursing pharma politics procurement publishing
    recruiting recruitment research retail robotics sales security tech theater tv
    """)

#: Who employs, without a name.
WORKPLACE = joined(r"""
    agency|airport|bakery|bank|bar|bookstore|brewery|cafe|café|call center|charity|city|clinic
    |college|company|consultancy|county|daycare|dealership|factory|farm|firm|government|gym
    |hospital|hotel|kindergarten|lab|laboratory|library|museum|newspaper|ngo|non-profit|nonprofit
    |nursing home|office|pharmacy|police|post office|pub|publisher|restaurant|salon|school|shop
    |start-up|startup|state|store|studio|supermarket|theater|theatre|university|warehouse|zoo
    """)

#: What one can run.
BUSINESS = joined(r"""
    agency|b&b|bakery|bar|blog|bookshop|bookstore|brewery|business|cafe|café|charity|clinic
    |coffee shop|company|consultancy|daycare|farm|food truck|gym|hotel|newsletter|nonprofit|podcast
    |practice|pub|restaurant|salon|school|shop|start-up|startup|store|studio|vineyard
    |youtube channel
    """)


#: Conditions that last.
CONDITION = joined(r"""
    a bad back|a bad knee|a heart condition|a pacemaker|acid reflux|add|adhd|anaemia|anemia
    |anxiety(?: disorder)?|arthritis|asperger'?s|aspergers?|asthma|autism|back pain
    |bipolar(?: disorder)?|blood pressure|cancer|celiac(?: disease)?|cholesterol
    |coeliac(?: disease)?|colitis|crohn'?s(?: disease)?|depression|diabetes|dyslexia|eczema
    |endometriosis|epilepsy|fibromyalgia|gerd|glaucoma|gout|hashimoto'?s|hay fever|hearing loss
    |heart (?:disease|condition)|hemophilia|hypertension|hyperthyroidism|hypothyroidism|ibs
    |insomnia|kidney disease|lupus|migraines?|ms|multiple sclerosis|narcolepsy|ocd|osteoporosis
    |pacemaker|parkinson'?s|pcos|psoriasis|ptsd|rosacea|sciatica|scoliosis|sleep apnea|tinnitus
    |vertigo
    """)

#: Instruments, sports and games.
PLAYABLE = joined(r"""
    guitar|piano|keyboard|violin|viola|cello|bass|drums?|flute|clarinet|saxophone|sax|trumpet
    |trombone|harp|ukulele|banjo|harmonica|accordion|organ|oboe|mandolin|sitar|bagpipes|tennis
    |table tennis|ping pong|badminton|squash|pickleball|football|soccer|basketball|baseball
    |softball|volleyball|cricket|rugby|hockey|golf|lacrosse|handball|water polo|darts|pool
    |billiards|bowling|ultimate frisbee|frisbee|chess|go|poker|bridge|scrabble|magic
    |dungeons & dragons|d&d|dnd|board games|video games|card games|minecraft|zelda|fortnite
    |league of legends|valorant|overwatch|sudoku|mahjong|backgammon|world of warcraft|wow
    |counter-strike|elden ring
    """)

#: Companions.
ANIMAL = joined(r"""
    dogs?|cats?|pupp(?:y|ies)|kittens?|kitty|parrots?|rabbits?|bunn(?:y|ies)|hamsters?|gerbils?
    |goldfish|horses?|pon(?:y|ies)|turtles?|tortoises?|snakes?|lizards?|geckos?|iguanas?|birds?
    |budgies?|canar(?:y|ies)|cockatiels?|guinea pigs?|ferrets?|chickens|hens|goats?|sheep|alpacas?
    |ducks|bees|tarantula|labradors?|labs?|retrievers?|poodles?|beagles?|husk(?:y|ies)|corgis?
    |dachshunds?|bulldogs?|german shepherds?|collies?|terriers?|chihuahuas?|pugs?|boxers?
    |rottweilers?|dobermanns?|dalmatians?|greyhounds?|spaniels?|schnauzers?|shih tzus?
    |labradoodles?|mutts?|siamese|tabby|maine coons?|pets?
    """)

#: Things one has for years.
POSSESSION = joined(r"""
    car|truck|van|campervan|motorcycle|motorbike|bike|bicycle|e-bike|boat|sailboat|canoe|kayak
    |house|home|apartment|flat|condo|cabin|farm|garden|vegetable garden|allotment|greenhouse|pool
    |hot tub|sauna|piano|guitar|violin|cello|drum kit|ukulele|telescope|drone|3d printer
    |sewing machine|record player|vinyl collection|espresso machine|air fryer|instant pot
    |dishwasher|treadmill|peloton|kindle|xbox|playstation|ps[345]|nintendo switch|steam deck
    |raspberry pi|gaming pc|tesla(?: model \w)?|honda(?: \w+)?|toyota(?: \w+)?|ford(?: \w+)?
    |bmw(?: \w+)?|subaru(?: \w+)?|volvo(?: \w+)?|audi(?: \w+)?|mazda(?: \w+)?|prius|jeep|vespa
    |macbook(?: (?:air|pro))?|iphone(?: \w+)?|ipad|thinkpad|android phone|pixel(?: \w+)?
    |apple watch|garmin|pacemaker|tattoo|tattoos|scooter|motorhome|rv|pickup|holiday home
    |beach house|wine cellar|home gym|(?:driver|driving|pilot|motorcycle)'?s? licen[cs]e
    """)

#: Things worth remembering that one got them.
ACQUISITION = joined(r"""
    house|home|flat|apartment|condo|car|bike|bicycle|motorcycle|van|truck|boat|guitar|piano|violin
    |camera|laptop|phone|tv|sofa|couch|bed|tent|kayak|telescope|drone|piece of land|farm|cabin|ring
    |wedding dress|painting|bookshelf|record player|espresso machine|coffee machine|sewing machine
    |treadmill|kindle|macbook|iphone|ipad|tesla|plot|greenhouse|puppy|kitten|dog|cat|horse|rabbit
    """)
