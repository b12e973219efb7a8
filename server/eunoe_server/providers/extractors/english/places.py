"""Places by name: countries, states, regions and large cities.

Needed where only the name tells a place from a thing ("I moved to Lisbon" and "I moved to Vim"),
and to spell "i live in paris" right. A place that is not here is still read where the words around
it leave no doubt ("I live in Skibbereen").
"""

from __future__ import annotations

import re

from eunoe_server.providers.extractors.english.patterns import words

_NAMES = """
Afghanistan|Africa|Albania|Algeria|Andorra|Angola|Argentina|Armenia|Asia|Australia|Austria
|Azerbaijan|Bahrain|Bangladesh|Belarus|Belgium|Belize|Benin|Bhutan|Bolivia|Bosnia|Botswana|Brazil
|Britain|Brunei|Bulgaria|Burundi|Cambodia|Cameroon|Canada|Chad|Chile|China|Colombia|Congo
|Costa Rica|Croatia|Cuba|Cyprus|Czechia|Czech Republic|Denmark|Dominican Republic|Ecuador|Egypt
|El Salvador|England|Eritrea|Estonia|Ethiopia|Europe|Fiji|Finland|France|Gabon|Gambia|Germany
|Ghana|Great Britain|Greece|Greenland|Guatemala|Guinea|Guyana|Haiti|Honduras|Hungary|Iceland|India
|Indonesia|Iran|Iraq|Ireland|Israel|Italy|Ivory Coast|Jamaica|Japan|Kazakhstan|Kenya|Korea|Kosovo
|Kuwait|Kyrgyzstan|Laos|Latvia|Lebanon|Liberia|Libya|Liechtenstein|Lithuania|Luxembourg|Madagascar
|Malawi|Malaysia|Maldives|Mali|Malta|Mauritius|Mexico|Moldova|Monaco|Mongolia|Montenegro|Morocco
|Mozambique|Myanmar|Namibia|Nepal|Netherlands|New Zealand|Nicaragua|Nigeria|North America
|Northern Ireland|Norway|Oman|Pakistan|Palestine|Panama|Papua New Guinea|Paraguay|Peru|Philippines
|Poland|Portugal|Qatar|Romania|Russia|Rwanda|Samoa|Saudi Arabia|Scandinavia|Scotland|Senegal
|Serbia|Sierra Leone|Singapore|Slovakia|Slovenia|Somalia|South Africa|South America|South Korea
|Spain|Sri Lanka|Sudan|Suriname|Sweden|Switzerland|Syria|Taiwan|Tanzania|Thailand|Tibet|Togo
|Trinidad|Tunisia|Turkey|Uganda|Ukraine|United Arab Emirates|United Kingdom|United States|Uruguay
|Uzbekistan|Venezuela|Vietnam|Wales|Yemen|Zambia|Zimbabwe|Alabama|Alaska|Arizona|Arkansas
|California|Colorado|Connecticut|Delaware|Florida|Georgia|Hawaii|Idaho|Illinois|Indiana|Iowa
|Kansas|Kentucky|Louisiana|Maine|Maryland|Massachusetts|Michigan|Minnesota|Mississippi|Missouri
|Montana|Nebraska|Nevada|New Hampshire|New Jersey|New Mexico|New York|North Carolina|North Dakota
|Ohio|Oklahoma|Oregon|Pennsylvania|Rhode Island|South Carolina|South Dakota|Tennessee|Texas|Utah
|Vermont|Virginia|West Virginia|Wisconsin|Wyoming|Alberta|British Columbia|Manitoba|New Brunswick
|Nova Scotia|Ontario|Quebec|Saskatchewan|New South Wales|Queensland|Tasmania|Bavaria|Catalonia
|Andalusia|Tuscany|Sicily|Sardinia|Brittany|Normandy|Provence|Cornwall|Yorkshire|Kerala|Punjab
|Gujarat|Bali|Hokkaido|Okinawa|Patagonia|Siberia|Crete|Corsica|Majorca|Tenerife|Aachen|Aarhus
|Aberdeen|Abidjan|Abuja|Accra|Addis Ababa|Adelaide|Ahmedabad|Albany|Albuquerque|Alexandria|Algiers
|Almaty|Amman|Amsterdam|Anchorage|Ankara|Antwerp|Asheville|Athens|Atlanta|Auckland|Austin|Baghdad
|Baku|Baltimore|Bangalore|Bangkok|Barcelona|Basel|Beijing|Beirut|Belfast|Belgrade|Bengaluru|Bergen
|Berkeley|Berlin|Bern|Bilbao|Birmingham|Bogota|Bogotá|Boise|Bologna|Bonn|Bordeaux|Boston|Boulder
|Brasilia|Bratislava|Bremen|Brighton|Brisbane|Bristol|Brno|Brooklyn|Bruges|Brussels|Bucharest
|Budapest|Buenos Aires|Buffalo|Busan|Cairo|Calgary|Cambridge|Canberra|Cape Town|Caracas|Cardiff
|Casablanca|Charleston|Charlotte|Chennai|Chiang Mai|Chicago|Christchurch|Cincinnati|Cleveland
|Cologne|Colombo|Columbus|Copenhagen|Cork|Dakar|Dallas|Damascus|Dar es Salaam|Delhi|Denver|Detroit
|Dhaka|Doha|Dortmund|Dresden|Dubai|Dublin|Dubrovnik|Dunedin|Durban|Düsseldorf|Edinburgh|Edmonton
|Eindhoven|Florence|Fort Worth|Frankfurt|Fresno|Fukuoka|Galway|Gdansk|Geneva|Genoa|Ghent|Glasgow
|Gothenburg|Granada|Graz|Guadalajara|Guangzhou|Hague|Halifax|Hamburg|Hanoi|Hanover|Harare|Havana
|Helsinki|Ho Chi Minh City|Hobart|Hong Kong|Honolulu|Houston|Hyderabad|Indianapolis|Innsbruck
|Islamabad|Istanbul|Izmir|Jacksonville|Jakarta|Jeddah|Jerusalem|Johannesburg|Kabul|Kampala
|Kansas City|Karachi|Kathmandu|Kigali|Kingston|Kinshasa|Kolkata|Krakow|Kraków|Kuala Lumpur|Kyiv
|Kyoto|La Paz|Lagos|Lahore|Las Vegas|Lausanne|Leeds|Leicester|Leipzig|Lille|Lima|Limerick|Lisbon
|Liverpool|Ljubljana|London|Los Angeles|Louisville|Luanda|Lusaka|Lviv|Lyon|Madison|Madrid|Malmö
|Manchester|Manila|Marrakesh|Marrakech|Marseille|Medellin|Medellín|Melbourne|Memphis|Miami|Milan
|Milwaukee|Minneapolis|Minsk|Montevideo|Montpellier|Montreal|Moscow|Mumbai|Munich|Nagoya|Nairobi
|Nantes|Naples|Nashville|New Delhi|New Orleans|Newark|Newcastle|Nice|Nicosia|Nottingham|Nuremberg
|Oakland|Odesa|Omaha|Orlando|Osaka|Oslo|Ottawa|Oxford|Palermo|Paris|Penang|Perth|Philadelphia
|Phoenix|Pittsburgh|Porto|Porto Alegre|Portland|Prague|Pretoria|Providence|Pune|Quito|Raleigh
|Reykjavik|Riga|Rio de Janeiro|Rio|Riyadh|Rome|Rotterdam|Sacramento|Salt Lake City|Salzburg
|San Antonio|San Diego|San Francisco|San Jose|San Juan|Santa Barbara|Santa Fe|Santiago|Sao Paulo
|São Paulo|Sapporo|Sarajevo|Savannah|Scottsdale|Seattle|Seoul|Seville|Shanghai|Sheffield|Shenzhen
|Skopje|Sofia|Southampton|St Louis|St. Louis|Stockholm|Strasbourg|Stuttgart|Sydney|Taipei|Tallinn
|Tampa|Tampere|Tashkent|Tbilisi|Tehran|Tel Aviv|Thessaloniki|Tirana|Tokyo|Toronto|Toulouse|Tripoli
|Trondheim|Tucson|Tulsa|Tunis|Turin|Uppsala|Utrecht|Valencia|Vancouver|Venice|Vienna|Vilnius
|Warsaw|Washington|Wellington|Winnipeg|Wroclaw|Yangon|Yerevan|Zagreb|Zurich|Zürich|Bay Area
|Silicon Valley|Manhattan|Queens|Bronx|Midwest|Pacific Northwest|Balkans|Alps|Andes|Caribbean
|Himalayas|Middle East|Southeast Asia|Latin America|UK|USA|US|UAE|NYC|LA|SF|DC|Pisa|Bari|Catania
|Verona|Padua|Trieste|Siena|Malaga|Málaga|Zaragoza|Alicante|Murcia|San Sebastian|Coimbra|Braga
|Faro|Cannes|Grenoble|Rennes|Dijon|Reims|Avignon|Essen|Bochum|Mainz|Freiburg|Heidelberg|Karlsruhe
|Mannheim|Kiel|Lübeck|Rostock|Potsdam|Münster|Augsburg|Regensburg|Linz|Klagenfurt|Lucerne|Lugano
|Winterthur|Leiden|Delft|Groningen|Maastricht|Nijmegen|Tilburg|Haarlem|Leuven|Liège|Namur|Odense
|Malmo|Lund|Linköping|Umeå|Turku|Espoo|Oulu|Stavanger|Tromsø|Poznan|Katowice|Lublin|Ostrava|Pilsen
|Debrecen|Szeged|Cluj|Timisoara|Varna|Plovdiv|Split|Rijeka|Zadar|Novi Sad|Podgorica|Pristina|Tartu
|Kaunas|Kharkiv|Dnipro|Kazan|Novosibirsk|Saint Petersburg|St. Petersburg|Antalya|Bursa|Haifa
|Aleppo|Basra|Erbil|Isfahan|Shiraz|Muscat|Abu Dhabi|Sharjah|Mecca|Medina|Peshawar|Rawalpindi
|Jaipur|Lucknow|Kochi|Goa|Surat|Chandigarh|Nagpur|Indore|Bhopal|Coimbatore|Mysore|Chittagong
|Da Nang|Phnom Penh|Vientiane|Cebu|Davao|Bandung|Surabaya|Yogyakarta|Johor Bahru|Cairns|Darwin
|Gold Coast|Geelong|Tauranga|Queenstown|Saskatoon|Quebec City|Kelowna|Ann Arbor|Chattanooga
|Chapel Hill|Colorado Springs|Corpus Christi|Dayton|Des Moines|Duluth|El Paso|Eugene|Fargo
|Flagstaff|Fort Collins|Grand Rapids|Greensboro|Hartford|Knoxville|Lexington|Little Rock
|Long Beach|Lubbock|Mesa|New Haven|Norfolk|Palo Alto|Pasadena|Plano|Princeton|Reno|Richmond
|Rochester|Santa Cruz|Santa Monica|Sioux Falls|Spokane|Springfield|St. Paul|Syracuse|Tacoma
|Tallahassee|Toledo|Topeka|Wichita|Worcester|Cupertino|Mountain View|Sunnyvale|Redmond|Bellevue
|Cusco|Arequipa|Cali|Cartagena|Barranquilla|Guayaquil|Monterrey|Puebla|Tijuana|Cancun|Oaxaca
|Merida|Cordoba|Córdoba|Rosario|Mendoza|Valparaiso|Recife|Fortaleza|Curitiba|Belo Horizonte
|Managua|Tegucigalpa|Asuncion|Mexico City|Guatemala City|Panama City|Kuwait City|Ibadan|Kano
|Port Harcourt|Kumasi|Mombasa|Kisumu|Arusha|Bulawayo|Windhoek|Gaborone|Maputo|Fez|Rabat|Tangier
|Khartoum|Bamako|Ouagadougou|Freetown|Monrovia|Douala|Bath|Coventry|Derby|Dundee|Exeter|Hull
|Inverness|Norwich|Plymouth|Portsmouth|Reading|Swansea|York|Waterford|Derry|Chengdu|Chongqing
|Hangzhou|Nanjing|Suzhou|Wuhan|Xi'an|Tianjin|Dalian|Qingdao|Xiamen|Harbin|Macau|Kobe|Yokohama
|Hiroshima|Sendai|Nara|Kanazawa|Incheon|Daegu|Daejeon|Jeju|Kaohsiung|Taichung
""".replace("\n", "").split("|")

_SPELLING = {name.casefold(): name for name in _NAMES}
_LONGEST_WORDS = max(len(name.split()) for name in _NAMES)
# Too short or too common as words to be read without capitals.
_NEEDS_CAPITALS = words("""
    us la sf dc nice rio mali chad turkey cork hague reading bath derby hull split mesa surat kano
    fez york darwin cali derry nara mobile essen faro reno
    """)
_WORD = re.compile(r"[^\W\d_][\w.'\u2019-]*")


def leading_place(phrase: str) -> str:
    """The place that `phrase` begins with, spelled as on a map; empty where none is known."""
    phrase = phrase.removeprefix("the ")
    words = _WORD.findall(phrase)[:_LONGEST_WORDS]
    for length in range(len(words), 0, -1):
        candidate = phrase[: _end_of_word(phrase, length)].rstrip(".,'")
        name = _SPELLING.get(" ".join(candidate.casefold().split()))
        if name and (candidate[:1].isupper() or name.casefold() not in _NEEDS_CAPITALS):
            return name
    return ""


def spelled(phrase: str) -> str:
    """`phrase` with capitals for the place it begins with: "Paris with my cat"."""
    place = leading_place(phrase)
    article = "the " if phrase.startswith("the ") else ""
    return f"{article}{place}{phrase[len(article) + len(place) :]}" if place else phrase


def _end_of_word(phrase: str, count: int) -> int:
    for position, word in enumerate(_WORD.finditer(phrase), start=1):
        if position == count:
            return word.end()
    return len(phrase)
