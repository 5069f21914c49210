// countries.cpp - see countries.hpp.
#include "core/identity/countries.hpp"

#include <algorithm>
#include <iterator>

namespace crm_capi {
namespace {

struct Country {
    std::string_view code;       // ISO 3166-1 alpha-2
    std::string_view long_code;  // ISO 3166-1 alpha-3
    std::string_view name;       // in English, letters only
};

// All of ISO 3166-1. A table of our own and not a library's, so that a name leads to the same hash
// whatever is installed.
// clang-format off
constexpr Country kCountries[] = {
    {"ad", "and", "andorra"}, {"ae", "are", "unitedarabemirates"}, {"af", "afg", "afghanistan"},
    {"ag", "atg", "antiguaandbarbuda"}, {"ai", "aia", "anguilla"}, {"al", "alb", "albania"},
    {"am", "arm", "armenia"}, {"ao", "ago", "angola"}, {"aq", "ata", "antarctica"},
    {"ar", "arg", "argentina"}, {"as", "asm", "americansamoa"}, {"at", "aut", "austria"},
    {"au", "aus", "australia"}, {"aw", "abw", "aruba"}, {"ax", "ala", "alandislands"},
    {"az", "aze", "azerbaijan"}, {"ba", "bih", "bosniaandherzegovina"}, {"bb", "brb", "barbados"},
    {"bd", "bgd", "bangladesh"}, {"be", "bel", "belgium"}, {"bf", "bfa", "burkinafaso"},
    {"bg", "bgr", "bulgaria"}, {"bh", "bhr", "bahrain"}, {"bi", "bdi", "burundi"},
    {"bj", "ben", "benin"}, {"bl", "blm", "saintbarthelemy"}, {"bm", "bmu", "bermuda"},
    {"bn", "brn", "brunei"}, {"bo", "bol", "bolivia"}, {"bq", "bes", "caribbeannetherlands"},
    {"br", "bra", "brazil"}, {"bs", "bhs", "bahamas"}, {"bt", "btn", "bhutan"},
    {"bv", "bvt", "bouvetisland"}, {"bw", "bwa", "botswana"}, {"by", "blr", "belarus"},
    {"bz", "blz", "belize"}, {"ca", "can", "canada"}, {"cc", "cck", "cocosislands"},
    {"cd", "cod", "democraticrepublicofthecongo"}, {"cf", "caf", "centralafricanrepublic"},
    {"cg", "cog", "congo"}, {"ch", "che", "switzerland"}, {"ci", "civ", "cotedivoire"},
    {"ck", "cok", "cookislands"}, {"cl", "chl", "chile"}, {"cm", "cmr", "cameroon"},
    {"cn", "chn", "china"}, {"co", "col", "colombia"}, {"cr", "cri", "costarica"},
    {"cu", "cub", "cuba"}, {"cv", "cpv", "capeverde"}, {"cw", "cuw", "curacao"},
    {"cx", "cxr", "christmasisland"}, {"cy", "cyp", "cyprus"}, {"cz", "cze", "czechia"},
    {"de", "deu", "germany"}, {"dj", "dji", "djibouti"}, {"dk", "dnk", "denmark"},
    {"dm", "dma", "dominica"}, {"do", "dom", "dominicanrepublic"}, {"dz", "dza", "algeria"},
    {"ec", "ecu", "ecuador"}, {"ee", "est", "estonia"}, {"eg", "egy", "egypt"},
    {"eh", "esh", "westernsahara"}, {"er", "eri", "eritrea"}, {"es", "esp", "spain"},
    {"et", "eth", "ethiopia"}, {"fi", "fin", "finland"}, {"fj", "fji", "fiji"},
    {"fk", "flk", "falklandislands"}, {"fm", "fsm", "micronesia"}, {"fo", "fro", "faroeislands"},
    {"fr", "fra", "france"}, {"ga", "gab", "gabon"}, {"gb", "gbr", "unitedkingdom"},
    {"gd", "grd", "grenada"}, {"ge", "geo", "georgia"}, {"gf", "guf", "frenchguiana"},
    {"gg", "ggy", "guernsey"}, {"gh", "gha", "ghana"}, {"gi", "gib", "gibraltar"},
    {"gl", "grl", "greenland"}, {"gm", "gmb", "gambia"}, {"gn", "gin", "guinea"},
    {"gp", "glp", "guadeloupe"}, {"gq", "gnq", "equatorialguinea"}, {"gr", "grc", "greece"},
    {"gs", "sgs", "southgeorgia"}, {"gt", "gtm", "guatemala"}, {"gu", "gum", "guam"},
    {"gw", "gnb", "guineabissau"}, {"gy", "guy", "guyana"}, {"hk", "hkg", "hongkong"},
    {"hm", "hmd", "heardandmcdonaldislands"}, {"hn", "hnd", "honduras"}, {"hr", "hrv", "croatia"},
    {"ht", "hti", "haiti"}, {"hu", "hun", "hungary"}, {"id", "idn", "indonesia"},
    {"ie", "irl", "ireland"}, {"il", "isr", "israel"}, {"im", "imn", "isleofman"},
    {"in", "ind", "india"}, {"io", "iot", "britishindianoceanterritory"}, {"iq", "irq", "iraq"},
    {"ir", "irn", "iran"}, {"is", "isl", "iceland"}, {"it", "ita", "italy"},
    {"je", "jey", "jersey"}, {"jm", "jam", "jamaica"}, {"jo", "jor", "jordan"},
    {"jp", "jpn", "japan"}, {"ke", "ken", "kenya"}, {"kg", "kgz", "kyrgyzstan"},
    {"kh", "khm", "cambodia"}, {"ki", "kir", "kiribati"}, {"km", "com", "comoros"},
    {"kn", "kna", "saintkittsandnevis"}, {"kp", "prk", "northkorea"}, {"kr", "kor", "southkorea"},
    {"kw", "kwt", "kuwait"}, {"ky", "cym", "caymanislands"}, {"kz", "kaz", "kazakhstan"},
    {"la", "lao", "laos"}, {"lb", "lbn", "lebanon"}, {"lc", "lca", "saintlucia"},
    {"li", "lie", "liechtenstein"}, {"lk", "lka", "srilanka"}, {"lr", "lbr", "liberia"},
    {"ls", "lso", "lesotho"}, {"lt", "ltu", "lithuania"}, {"lu", "lux", "luxembourg"},
    {"lv", "lva", "latvia"}, {"ly", "lby", "libya"}, {"ma", "mar", "morocco"},
    {"mc", "mco", "monaco"}, {"md", "mda", "moldova"}, {"me", "mne", "montenegro"},
    {"mf", "maf", "saintmartin"}, {"mg", "mdg", "madagascar"}, {"mh", "mhl", "marshallislands"},
    {"mk", "mkd", "northmacedonia"}, {"ml", "mli", "mali"}, {"mm", "mmr", "myanmar"},
    {"mn", "mng", "mongolia"}, {"mo", "mac", "macao"}, {"mp", "mnp", "northernmarianaislands"},
    {"mq", "mtq", "martinique"}, {"mr", "mrt", "mauritania"}, {"ms", "msr", "montserrat"},
    {"mt", "mlt", "malta"}, {"mu", "mus", "mauritius"}, {"mv", "mdv", "maldives"},
    {"mw", "mwi", "malawi"}, {"mx", "mex", "mexico"}, {"my", "mys", "malaysia"},
    {"mz", "moz", "mozambique"}, {"na", "nam", "namibia"}, {"nc", "ncl", "newcaledonia"},
    {"ne", "ner", "niger"}, {"nf", "nfk", "norfolkisland"}, {"ng", "nga", "nigeria"},
    {"ni", "nic", "nicaragua"}, {"nl", "nld", "netherlands"}, {"no", "nor", "norway"},
    {"np", "npl", "nepal"}, {"nr", "nru", "nauru"}, {"nu", "niu", "niue"},
    {"nz", "nzl", "newzealand"}, {"om", "omn", "oman"}, {"pa", "pan", "panama"},
    {"pe", "per", "peru"}, {"pf", "pyf", "frenchpolynesia"}, {"pg", "png", "papuanewguinea"},
    {"ph", "phl", "philippines"}, {"pk", "pak", "pakistan"}, {"pl", "pol", "poland"},
    {"pm", "spm", "saintpierreandmiquelon"}, {"pn", "pcn", "pitcairnislands"},
    {"pr", "pri", "puertorico"}, {"ps", "pse", "palestine"}, {"pt", "prt", "portugal"},
    {"pw", "plw", "palau"}, {"py", "pry", "paraguay"}, {"qa", "qat", "qatar"},
    {"re", "reu", "reunion"}, {"ro", "rou", "romania"}, {"rs", "srb", "serbia"},
    {"ru", "rus", "russia"}, {"rw", "rwa", "rwanda"}, {"sa", "sau", "saudiarabia"},
    {"sb", "slb", "solomonislands"}, {"sc", "syc", "seychelles"}, {"sd", "sdn", "sudan"},
    {"se", "swe", "sweden"}, {"sg", "sgp", "singapore"}, {"sh", "shn", "sainthelena"},
    {"si", "svn", "slovenia"}, {"sj", "sjm", "svalbardandjanmayen"}, {"sk", "svk", "slovakia"},
    {"sl", "sle", "sierraleone"}, {"sm", "smr", "sanmarino"}, {"sn", "sen", "senegal"},
    {"so", "som", "somalia"}, {"sr", "sur", "suriname"}, {"ss", "ssd", "southsudan"},
    {"st", "stp", "saotomeandprincipe"}, {"sv", "slv", "elsalvador"}, {"sx", "sxm", "sintmaarten"},
    {"sy", "syr", "syria"}, {"sz", "swz", "eswatini"}, {"tc", "tca", "turksandcaicosislands"},
    {"td", "tcd", "chad"}, {"tf", "atf", "frenchsouthernterritories"}, {"tg", "tgo", "togo"},
    {"th", "tha", "thailand"}, {"tj", "tjk", "tajikistan"}, {"tk", "tkl", "tokelau"},
    {"tl", "tls", "timorleste"}, {"tm", "tkm", "turkmenistan"}, {"tn", "tun", "tunisia"},
    {"to", "ton", "tonga"}, {"tr", "tur", "turkey"}, {"tt", "tto", "trinidadandtobago"},
    {"tv", "tuv", "tuvalu"}, {"tw", "twn", "taiwan"}, {"tz", "tza", "tanzania"},
    {"ua", "ukr", "ukraine"}, {"ug", "uga", "uganda"},
    {"um", "umi", "unitedstatesminoroutlyingislands"}, {"us", "usa", "unitedstates"},
    {"uy", "ury", "uruguay"}, {"uz", "uzb", "uzbekistan"}, {"va", "vat", "vaticancity"},
    {"vc", "vct", "saintvincentandthegrenadines"}, {"ve", "ven", "venezuela"},
    {"vg", "vgb", "britishvirginislands"}, {"vi", "vir", "usvirginislands"},
    {"vn", "vnm", "vietnam"}, {"vu", "vut", "vanuatu"}, {"wf", "wlf", "wallisandfutuna"},
    {"ws", "wsm", "samoa"}, {"ye", "yem", "yemen"}, {"yt", "myt", "mayotte"},
    {"za", "zaf", "southafrica"}, {"zm", "zmb", "zambia"}, {"zw", "zwe", "zimbabwe"},
};
// clang-format on

struct Name {
    std::string_view name;
    std::string_view code;
};

// Other names that are in use, and the long forms of ISO.
constexpr Name kOtherNames[] = {
    {"uk", "gb"},
    {"greatbritain", "gb"},
    {"unitedkingdomofgreatbritainandnorthernireland", "gb"},
    {"unitedstatesofamerica", "us"},
    {"bolivarianrepublicofvenezuela", "ve"},
    {"venezuelabolivarianrepublicof", "ve"},
    {"bosniaherzegovina", "ba"},
    {"boliviaplurinationalstateof", "bo"},
    {"bruneidarussalam", "bn"},
    {"burma", "mm"},
    {"caboverde", "cv"},
    {"congobrazzaville", "cg"},
    {"congokinshasa", "cd"},
    {"congothedemocraticrepublicofthe", "cd"},
    {"czechrepublic", "cz"},
    {"easttimor", "tl"},
    {"holysee", "va"},
    {"holyseevaticancitystate", "va"},
    {"hongkongsarchina", "hk"},
    {"iranislamicrepublicof", "ir"},
    {"ivorycoast", "ci"},
    {"koreademocraticpeoplesrepublicof", "kp"},
    {"korearepublicof", "kr"},
    {"republicofkorea", "kr"},
    {"laopeoplesdemocraticrepublic", "la"},
    {"macau", "mo"},
    {"macaosarchina", "mo"},
    {"macedonia", "mk"},
    {"micronesiafederatedstatesof", "fm"},
    {"moldovarepublicof", "md"},
    {"palestinestateof", "ps"},
    {"palestinianterritories", "ps"},
    {"russianfederation", "ru"},
    {"southgeorgiaandthesouthsandwichislands", "gs"},
    {"swaziland", "sz"},
    {"syrianarabrepublic", "sy"},
    {"taiwanprovinceofchina", "tw"},
    {"tanzaniaunitedrepublicof", "tz"},
    {"thenetherlands", "nl"},
    {"trkiye", "tr"},
    {"turkiye", "tr"},
    {"vaticancitystate", "va"},
    {"virginislandsbritish", "vg"},
    {"virginislandsus", "vi"},
};

// The states of the USA, its capital district and the territories with a code of the post.
constexpr Name kUsStates[] = {
    {"alabama", "al"},
    {"alaska", "ak"},
    {"arizona", "az"},
    {"arkansas", "ar"},
    {"california", "ca"},
    {"colorado", "co"},
    {"connecticut", "ct"},
    {"delaware", "de"},
    {"florida", "fl"},
    {"georgia", "ga"},
    {"hawaii", "hi"},
    {"idaho", "id"},
    {"illinois", "il"},
    {"indiana", "in"},
    {"iowa", "ia"},
    {"kansas", "ks"},
    {"kentucky", "ky"},
    {"louisiana", "la"},
    {"maine", "me"},
    {"maryland", "md"},
    {"massachusetts", "ma"},
    {"michigan", "mi"},
    {"minnesota", "mn"},
    {"mississippi", "ms"},
    {"missouri", "mo"},
    {"montana", "mt"},
    {"nebraska", "ne"},
    {"nevada", "nv"},
    {"newhampshire", "nh"},
    {"newjersey", "nj"},
    {"newmexico", "nm"},
    {"newyork", "ny"},
    {"northcarolina", "nc"},
    {"northdakota", "nd"},
    {"ohio", "oh"},
    {"oklahoma", "ok"},
    {"oregon", "or"},
    {"pennsylvania", "pa"},
    {"rhodeisland", "ri"},
    {"southcarolina", "sc"},
    {"southdakota", "sd"},
    {"tennessee", "tn"},
    {"texas", "tx"},
    {"utah", "ut"},
    {"vermont", "vt"},
    {"virginia", "va"},
    {"washington", "wa"},
    {"westvirginia", "wv"},
    {"wisconsin", "wi"},
    {"wyoming", "wy"},
    {"districtofcolumbia", "dc"},
    {"americansamoa", "as"},
    {"guam", "gu"},
    {"northernmarianaislands", "mp"},
    {"puertorico", "pr"},
    {"usvirginislands", "vi"},
};

// The code that the table gives the name; empty if it has none.
template <size_t Size>
std::string_view CodeOf(const Name (&names)[Size], std::string_view name) {
    const auto* const found = std::find_if(
        names, names + Size, [name](const Name& candidate) { return candidate.name == name; });
    return found == names + Size ? std::string_view() : found->code;
}

}  // namespace

std::string_view CountryCode(std::string_view letters) {
    const auto* const found = std::find_if(
        std::begin(kCountries), std::end(kCountries), [letters](const Country& country) {
            return country.code == letters || country.long_code == letters ||
                   country.name == letters;
        });
    return found == std::end(kCountries) ? CodeOf(kOtherNames, letters) : found->code;
}

std::string_view UsStateCode(std::string_view letters) {
    return CodeOf(kUsStates, letters);
}

}  // namespace crm_capi
