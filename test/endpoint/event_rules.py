"""event_rules.py - the checks on one event, as one table (EVENT_RULES).

A rule takes (event, now, settings) and returns None or (subcode or None, why); the code is always
100. Its comment names the section of the reference. Rules run for every event of every request,
several ten thousand times a second: they look things up and build nothing when all is well.
"""

import ipaddress
import re

DAY = 86400
MAX_AGE = 7 * DAY
MAX_AGE_IN_STORE = 62 * DAY

EVENT_FIELDS = frozenset((
    "event_name", "event_time", "user_data", "custom_data", "action_source", "event_source_url",
    "event_id", "opt_out", "data_processing_options", "data_processing_options_country",
    "data_processing_options_state", "referrer_url", "app_data", "customer_segmentation",
    "original_event_data", "attribution_data", "messaging_channel", "advanced_measurement_table"))

ACTION_SOURCES = frozenset((
    "email", "website", "app", "phone_call", "chat", "physical_store", "system_generated",
    "business_messaging", "other"))

HASHED = frozenset(("em", "ph", "fn", "ln", "db", "ge", "ct", "st", "zp", "country", "f5first",
                    "f5last", "fi", "dobd", "dobm", "doby"))
PLAIN_TEXT = frozenset((
    "client_ip_address", "client_user_agent", "fbc", "fbp", "subscription_id", "anon_id", "madid",
    "page_id", "page_scoped_user_id", "ctwa_clid", "whatsapp_business_account_id",
    "ig_account_id", "instagram_business_account_id", "ig_sid", "partner_id", "partner_name",
    "app_user_id"))

# Reference 2.4: user_data within one of these sets identifies nobody. {} is within each of them.
TOO_WEAK = tuple(map(frozenset, (
    ("ct", "country", "st", "zp", "ge", "client_user_agent"),
    ("db", "client_user_agent"),
    ("fn", "ge"),
    ("ln", "ge"))))

# Reference 2.3: the digests of "", "null" and "undefined".
PLACEHOLDER_HASHES = frozenset((
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "74234e98afe7498fb5daf1f36ac2d78acc339464f950703b8c019892f982b90b",
    "eb045d78d273107348b0300c01d29b7552d622abbc6faf81b3ec55359aa9950c"))

LDU_STATES = frozenset(range(1000, 1014)) | {0}

is_sha256 = re.compile(r"[0-9a-f]{64}").fullmatch
is_lead_text = re.compile(r"[1-9][0-9]{14,16}").fullmatch
is_currency = re.compile(r"[A-Za-z]{3}").fullmatch


def check_shape(event, now, settings):
    """2.1, 2.2: an object of known fields; test_event_code belongs to the request."""
    if type(event) is not dict:
        return None, "event is not an object"
    if EVENT_FIELDS.issuperset(event):
        return None
    if "test_event_code" in event:
        return None, "test_event_code inside an event"
    return None, "event has a field that the reference does not list (ours)"


def check_name(event, now, settings):
    """1.2: event_name is required, free text."""
    name = event.get("event_name")
    if type(name) is not str or not name.strip():
        return None, "event_name is missing or not a text"
    return None


def check_time(event, now, settings):
    """1.5: Unix seconds as an integer, at most 7 days old (62 in a store), not in the future."""
    time = event.get("event_time")
    if type(time) is not int:
        return None, "event_time is missing or not an integer"
    if now - time > MAX_AGE:
        if event.get("action_source") != "physical_store" or now - time > MAX_AGE_IN_STORE:
            return 2804003, "event_time is too old"
    if time - now > settings.future_tolerance:
        return 2804004, "event_time is in the future"
    return None


def check_source(event, now, settings):
    """2.1: action_source is one of nine; what website and business messaging need beside it."""
    source = event.get("action_source")
    if source == "system_generated":
        return None
    if type(source) is not str or source not in ACTION_SOURCES:
        return None, "action_source is missing or unknown"
    if source == "website" and not event.get("event_source_url"):
        return None, "event_source_url is missing"
    if source == "business_messaging" and not event.get("messaging_channel"):
        return 2804063, "messaging_channel is missing"
    return None


def check_event_id(event, now, settings):
    """2.1: event_id is a text. Optional for Meta."""
    if "event_id" in event and (type(event["event_id"]) is not str or not event["event_id"]):
        return None, "event_id is not a text"
    return None


def check_user_data(event, now, settings):
    """2.3: every key is known, what must be hashed is, what is plain has its type."""
    user = event.get("user_data")
    if type(user) is not dict:
        return None, "user_data is missing or not an object"
    for key, value in user.items():
        if key == "lead_id":
            continue
        if key in HASHED:
            if type(value) is str and is_sha256(value) and not settings.refuse_placeholders:
                continue
            fault = check_hashed(key, value, settings)
        else:
            fault = check_plain(key, value)
        if fault:
            return fault
    return None


def check_hashed(key, value, settings):
    """2.3: 64 lower-case hexadecimal digits, one or a list. Stricter than Meta (ours)."""
    for one in value if type(value) is list else (value,):
        if type(one) is not str or not is_sha256(one):
            return None, f"{key} is not a SHA-256 in hexadecimal (ours)"
        if settings.refuse_placeholders and one in PLACEHOLDER_HASHES:
            return None, f"{key} is the hash of a placeholder (ours)"
    return None


def check_plain(key, value):
    """2.3: external_id one or a list; fb_login_id a number; the rest one non-empty text."""
    if key == "external_id":
        values = value if type(value) is list else (value,)
        fine = all(type(one) is str and one for one in values)
    elif key == "fb_login_id":
        fine = type(value) is int
    elif key == "client_ip_address":
        fine = type(value) is str and is_address(value)
    elif key in PLAIN_TEXT:
        fine = type(value) is str and value != ""
    else:
        return None, "user_data has a field that the reference does not list (ours)"
    return None if fine else (None, f"{key} has a wrong type or is empty (ours)")


def is_address(text):
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def check_lead_id(event, now, settings):
    """1.1, 1.3: if sent, 15 to 17 digits, as a number or as text, and the lead still exists."""
    user = event["user_data"]
    if "lead_id" not in user:
        return None
    lead = user["lead_id"]
    if type(lead) is str and is_lead_text(lead):
        lead = int(lead)
    elif type(lead) is not int:  # a float has lost digits already; True is an int to isinstance
        return 2804036, "lead_id is not an integer"
    if not 10**14 <= lead < 10**17:
        return 2804036, "lead_id has not 15 to 17 digits"
    if lead in settings.deleted_leads:
        return 2804036, "lead was deleted"
    return None


def check_identity(event, now, settings):
    """2.4: more than one of the weak combinations; an empty user_data too."""
    user = event["user_data"]
    if user.get("lead_id"):
        return None
    given = {key for key, value in user.items() if value}
    for weak in TOO_WEAK:
        if weak.issuperset(given):
            return 2804050, "insufficient customer information"
    return None


def check_custom_data(event, now, settings):
    """2.6, 3.5: an object; value with currency; both for Purchase."""
    custom = event.get("custom_data")
    if type(custom) is not dict:
        if "custom_data" in event:
            return None, "custom_data is not an object"
        custom = {}
    value = custom.get("value")
    if value is not None and type(value) not in (int, float):
        return None, "value is not a number"
    currency = custom.get("currency")
    if event["event_name"] == "Purchase":
        if value is None:
            return 2804009, "Purchase without value"
        if currency is None:
            return 2804010, "Purchase without currency"
        if type(currency) is not str or not is_currency(currency):
            return 2804011, "Purchase with an invalid currency"
    elif value is not None and currency is None:
        return 2804023, "value without currency"
    return None


def check_processing_options(event, now, settings):
    """2.1: [] or ["LDU"]; LDU needs a country, a country needs a state."""
    if "data_processing_options" not in event:
        return None
    options = event["data_processing_options"]
    if options != [] and options != ["LDU"]:
        return None, "data_processing_options is neither [] nor [\"LDU\"]"
    if options == []:
        return None
    country = event.get("data_processing_options_country")
    state = event.get("data_processing_options_state")
    if type(country) is not int or country not in (0, 1):
        return None, "data_processing_options_country is missing or unknown"
    if type(state) is not int or state not in LDU_STATES:
        return None, "data_processing_options_state is missing or unknown"
    return None


EVENT_RULES = (
    check_shape,
    check_name,
    check_time,
    check_source,
    check_event_id,
    check_user_data,
    check_lead_id,
    check_identity,
    check_custom_data,
    check_processing_options,
)


def notes_on(event, search_placeholders):
    """Why an accepted event will not count as a conversion-leads event (1.2), and oddities.

    The list begins with "does not count: ..." entries; None when there is nothing to say.
    """
    custom = event.get("custom_data") or {}
    source, tool = custom.get("event_source"), custom.get("lead_event_source")
    well = source == "crm" and type(tool) is str and tool \
        and event["action_source"] == "system_generated"
    if well and not search_placeholders:
        return None
    notes = []
    if event["action_source"] != "system_generated":
        notes.append("does not count: action_source is not system_generated")
    if source != "crm":
        notes.append("does not count: event_source is not crm")
    if type(tool) is not str or not tool:
        notes.append("does not count: lead_event_source is missing")
    if search_placeholders:
        notes.extend(placeholder_notes(event["user_data"]))
    return notes or None


def placeholder_notes(user):
    for key, value in user.items():
        if key in HASHED:
            for one in value if type(value) is list else (value,):
                if one in PLACEHOLDER_HASHES:
                    yield f"{key} is the hash of a placeholder"
