"""errors.py - Meta's answers: success bodies, and error bodies in the shape of reference 3.3.

One table of messages per (code, subcode) and one of the localised titles. Nobody may decide on
these texts; they are here so that a client which does decide on them is caught (--locale).
"""

import json
import secrets

# Codes whose error carries is_transient true unless a script says otherwise (reference 3.5).
TRANSIENT_CODES = frozenset((1, 2, 4, 17, 32, 341, 613, 5000, 21009))

MESSAGES = {
    (1, None): "An unknown error occurred",
    (2, None): "An unexpected error has occurred. Please retry your request later.",
    (4, None): "(#4) Application request limit reached",
    (10, None): "(#10) Application does not have permission for this action",
    (17, None): "(#17) User request limit reached",
    (100, None): "Invalid parameter",
    (100, 33): "Unsupported post request. Object does not exist, cannot be loaded due to missing "
               "permissions, or does not support this operation",
    (104, None): "Incorrect signature",
    (190, None): "Invalid OAuth access token - Cannot parse access token",
    (190, 463): "Error validating access token: Session has expired",
    (190, 467): "Error validating access token: The access token is invalid",
    (200, None): "(#200) Permissions error",
    (294, None): "(#294) Managing advertisements requires the extended permission ads_management",
    (368, None): "The action attempted has been deemed abusive or is otherwise disallowed",
    (613, None): "(#613) Calls to this api have exceeded the rate limit.",
    (2500, None): "Unknown path components",
    (2635, None): "(#2635) You are calling a deprecated version of the Ads API.",
}

# subcode -> locale -> (title, text). English for the rest.
USER_TEXTS = {
    2804003: {
        "en": ("Event Timestamp Too Old",
               "The timestamp for this event is too far in the past. Events must be sent within "
               "7 days of when they happened."),
        "ja": ("イベントのタイムスタンプが古すぎます",
               "このイベントのタイムスタンプは過去に遡りすぎています。"),
        "it": ("Indicatore di data e ora dell'evento troppo vecchio",
               "L'indicatore di data e ora di questo evento è troppo lontano nel passato."),
    },
    2804004: {
        "en": ("Event Timestamp Invalid", "The timestamp for this event is in the future."),
        "ja": ("イベントのタイムスタンプが無効です", "タイムスタンプが未来の日時です。"),
        "it": ("Data e ora dell'evento non valide", "La data dell'evento è nel futuro."),
    },
    2804009: {
        "en": ("Missing Value for Purchase Event", "A purchase event must have a value."),
        "ja": ("購入イベントの値がありません", "購入イベントには値が必要です。"),
        "it": ("Valore mancante per l'evento di acquisto", "Serve un valore per l'acquisto."),
    },
    2804010: {
        "en": ("Missing Value and/or Currency for Purchase Event",
               "A purchase event must have a value and a currency."),
        "ja": ("購入イベントの値または通貨がありません", "値と通貨の両方が必要です。"),
        "it": ("Valore e/o valuta mancanti", "Servono un valore e una valuta per l'acquisto."),
    },
    2804036: {
        "en": ("Invalid Lead ID", "The lead ID is not valid, or the lead was deleted."),
        "ja": ("リードIDが無効です", "リードIDが無効か、リードが削除されています。"),
        "it": ("ID del contatto non valido", "L'ID del contatto non è valido o è stato eliminato."),
    },
    2804050: {
        "en": ("You Haven't Added Sufficient Customer Information Parameter Data For This Event",
               "This event doesn't contain enough customer information parameters."),
        "ja": ("顧客情報パラメーターのデータが不足しています",
               "このイベントには十分な顧客情報パラメーターがありません。"),
        "it": ("Dati dei parametri delle informazioni del cliente insufficienti",
               "Questo evento non contiene abbastanza informazioni sul cliente."),
    },
}
OTHER_TEXT = {
    "en": ("Invalid parameter", "One of the parameters of an event is not valid."),
    "ja": ("無効なパラメーター", "イベントのパラメーターのいずれかが無効です。"),
    "it": ("Parametro non valido", "Uno dei parametri di un evento non è valido."),
}
LOCALES = tuple(OTHER_TEXT)


def new_trace_id():
    return "A" + secrets.token_urlsafe(24)[:22]


def success_body(received, trace, messages=()):
    return encode({"events_received": received, "messages": list(messages), "fbtrace_id": trace})


def error_body(code, subcode, trace, *, locale="en", transient=None, message=None,
               blame=False, blame_as_text=False):
    """The error object of reference 3.3.

    `blame` adds error_data; Meta sends that sometimes as an object and sometimes as JSON text.
    It names only the field `data`, never which event of the batch was at fault.
    """
    error = {
        "message": message or message_of(code, subcode),
        "type": "GraphMethodException" if subcode == 33 else "OAuthException",
        "code": code,
    }
    if blame:
        specs = {"blame_field_specs": [["data"]]}
        error["error_data"] = json.dumps(specs, separators=(",", ":")) if blame_as_text else specs
    if subcode is not None:
        error["error_subcode"] = subcode
    error["is_transient"] = code in TRANSIENT_CODES if transient is None else transient
    if subcode is not None and subcode >= 1_000_000:
        texts = USER_TEXTS.get(subcode, OTHER_TEXT)
        error["error_user_title"], error["error_user_msg"] = texts[locale]
    error["fbtrace_id"] = trace
    return encode({"error": error})


def message_of(code, subcode):
    for key in ((code, subcode), (code, None)):
        if key in MESSAGES:
            return MESSAGES[key]
    return f"(#{code}) An error occurred"


def encode(value):
    return json.dumps(value, separators=(",", ":")).encode("ascii")
