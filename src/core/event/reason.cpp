// reason.cpp - the one table of reason codes. Rows stand in the order of the enumerators.
//
// Texts follow PostgreSQL's style for primary messages, hints are whole sentences.
#include "core/event/reason.hpp"

#include <cstddef>
#include <iterator>

namespace crm_capi {
namespace {

// clang-format off
constexpr ReasonText kTable[] = {
    {Reason::kNone, "", "", ""},

    {Reason::kLeadIdNotANumber, "lead_id_not_a_number",
     "lead id is not a whole number",
     "Store the lead id that Meta gave the lead, digits only."},
    {Reason::kLeadIdLength, "lead_id_length",
     "lead id does not have 15 to 17 digits",
     "Watch the column that holds the lead id of Meta, not the key of the CRM."},
    {Reason::kStageMissing, "stage_missing",
     "stage is empty",
     "Fill the stage of every lead, or let the lead id arrive only once there is a stage."},
    {Reason::kStageTooLong, "stage_too_long",
     "stage is longer than 255 characters",
     "Watch a column with short stage names."},
    {Reason::kStageEncoding, "stage_encoding",
     "stage is not valid UTF-8 or holds a control character",
     "Correct the stage in the table."},
    {Reason::kEventTimeMissing, "event_time_missing",
     "event time is missing",
     "Fill the event time, or watch without event_time to use the time of the change."},
    {Reason::kEventTimeUnreadable, "event_time_unreadable",
     "event time cannot be read as a timestamp",
     "Watch a column of type timestamptz, timestamp, date, or bigint in Unix time."},
    {Reason::kEventTimeTooOld, "event_time_too_old",
     "event time lies seven days or more in the past",
     "Meta refuses such events for good; bring stage changes into the database sooner."},
    {Reason::kEventTimeInFuture, "event_time_in_future",
     "event time lies in the future",
     "Check the clock and the time zone of the system that sets the event time."},
    {Reason::kEventTimeBeforeLead, "event_time_before_lead",
     "event time lies before the creation of the lead",
     "Check the watch's event_time and lead_created_at; Meta may discard such events."},
    {Reason::kColumnMissing, "column_missing",
     "watched column does not exist",
     "Call capi_unwatch, then capi_watch with the columns that the table has now."},
    {Reason::kDatasetMissing, "dataset_missing",
     "dataset does not exist",
     "Create the foreign server under that name again, with the grants that it had, or watch the table for another dataset."},
    {Reason::kDatasetPermission, "dataset_permission",
     "permission denied for the dataset",
     "Grant USAGE on the foreign server to the owner of the watched table."},
    {Reason::kStageUnmapped, "stage_unmapped",
     "stage is not in the watch's stage_map",
     "Watch the table again with the stage in stage_map, or with unmapped => 'skip' or 'send'."},
    {Reason::kExpressionFailed, "expression_failed",
     "expression of the watch raised an error",
     "See the column problem of capi_watches; put right what the expression needs, or watch again."},
    {Reason::kValueUnreadable, "value_unreadable",
     "value of the row cannot be read as text",
     "See what the type of the column makes of the value, or watch an expression that yields a text."},
    {Reason::kWatchNotApproved, "watch_not_approved",
     "watch was not approved by the owner of its table",
     "Call capi_unwatch, then capi_watch as the owner of the table."},
    {Reason::kCustomDataTooLarge, "custom_data_too_large",
     "custom_data takes more than 16 kB",
     "Leave out of the watch's custom_data what Meta does not need."},
    {Reason::kCustomDataUnreadable, "custom_data_unreadable",
     "custom_data holds a character that has no counterpart in UTF-8",
     "Correct the value in the table, or leave it out of the watch's custom_data."},
    {Reason::kConsentUnusable, "consent_unusable",
     "consent signal of the event cannot be used",
     "Correct the value in the table, or the watch's expression; NULL says nothing."},
    {Reason::kUserDataUnreadable, "user_data_unreadable",
     "user_data is not a JSON object",
     "Build it with jsonb_build_object(), or name the columns of its members one by one."},
    {Reason::kIdentityUnknown, "identity_unknown",
     "user_data holds a key that Meta does not know",
     "Use the keys of docs/identities.md, such as em, ph, fn, ln and external_id."},
    {Reason::kIdentityType, "identity_type",
     "user_data holds a value that is neither a text nor a list of texts",
     "Convert the value to text; keys that are never hashed take no list."},
    {Reason::kIdentityTooMany, "identity_too_many",
     "user_data holds more than 32 values of one kind, or more than 16 kB",
     "Give the few values by which the lead is known best."},
    {Reason::kIdentityInsufficient, "identity_insufficient",
     "event has no lead id and too few identities for Meta to accept it",
     "Add em, ph, external_id, fbc or another identity that stands for one person; see docs/identities.md."},
    {Reason::kLeadIdConflict, "lead_id_conflict",
     "lead id in user_data is not the lead id of the event",
     "Leave lead_id out of user_data, or let both come from the same column."},

    {Reason::kDeadlinePassed, "deadline_passed",
     "event could not be delivered within seven days",
     "See capi_requests for what kept the dataset from sending."},
    {Reason::kDoubtTooOld, "doubt_too_old",
     "event may have been delivered more than two days ago",
     "Look for the event id of capi_payload() in Events Manager; call capi_retry if it is not there."},
    {Reason::kCancelled, "cancelled",
     "event was cancelled",
     "Call capi_retry if it is to be sent after all."},
    {Reason::kConditionFalse, "condition_false",
     "condition of the watch does not hold any more",
     "No action is needed: the row changed, or was deleted, before the event was sent."},
    {Reason::kConditionUnknown, "condition_unknown",
     "condition of the watch could not be checked before sending",
     "Put right what the watch needs, see capi_watches, and call capi_retry."},
    {Reason::kStageReached, "stage_reached",
     "another event of the lead has the stage",
     "No action is needed: the watch sends each stage of a lead once."},
    {Reason::kEventUnreadable, "event_unreadable",
     "event cannot be read from the queue",
     "Send the stage by capi_send_lead_event; see what wrote the row, and whether the disk is sound."},
    {Reason::kRowGone, "row_gone",
     "row of the event is gone or does not tell its stage any more",
     "Use capi_cancel to give the event up, or capi_send_lead_event if you know what it was."},
    {Reason::kJudgedAgain, "judged_again",
     "event was judged again and is owed as another one",
     "See the event that the detail names."},
    {Reason::kRefused, "refused",
     "event was refused by Meta",
     "Look up error code and subcode; put the cause right and call capi_retry, or send a corrected event."},

    {Reason::kNotConnected, "not_connected",
     "could not connect to the endpoint",
     "Check name resolution, network and TLS certificates between this server and the endpoint."},
    {Reason::kNotProcessed, "not_processed",
     "endpoint did not take in the whole request",
     "No action is needed: none of it was delivered, and it is repeated after growing pauses, in smaller requests if it fails again."},
    {Reason::kConnectionCut, "connection_cut",
     "connection ended before the answer arrived",
     "No action is needed: what may have been delivered goes again with the same event id."},
    {Reason::kServerError, "server_error",
     "endpoint reported a temporary error",
     "No action is needed: the request is repeated after growing pauses."},
    {Reason::kThrottled, "throttled",
     "endpoint asked to slow down",
     "If this lasts, lower max_in_flight of the server or ask Meta for a higher access tier."},
    {Reason::kUsageHigh, "usage_high",
     "endpoint reports that its limit is nearly used up",
     "No action is needed: requests go with pauses until there is room again. If this lasts, ask Meta for a higher access tier."},
    {Reason::kAnswerUnreadable, "answer_unreadable",
     "answer of the endpoint could not be understood",
     "Check whether a proxy between this server and the endpoint answers in its place."},
    {Reason::kCountMismatch, "count_mismatch",
     "endpoint confirmed another number of events than was sent",
     "If this happens again, compare capi_requests with what Events Manager received."},
    {Reason::kRequestTooLarge, "request_too_large",
     "request is too large for the endpoint or for a proxy on the way",
     "No action is needed while smaller requests get through; an event that is parked for this alone has too much user_data or custom_data."},
    {Reason::kShipperStopped, "shipper_stopped",
     "shipper stopped before the answer arrived",
     "No action is needed: what may have been delivered goes again with the same event id."},
    {Reason::kWithheld, "withheld",
     "request was not sent because its record was not confirmed",
     "No action is needed: the shipper was stopped while it waited for a synchronous standby, and nothing was sent."},
    {Reason::kStalled, "stalled",
     "shipper does not get on",
     "See to what it waits for: a synchronous standby that is gone, or a session that holds a lock on a table of crm_capi."},

    {Reason::kTokenMissing, "token_missing",
     "dataset has no access token",
     "Create a user mapping with access_token for the server's owner or for PUBLIC, or see to the file that its access_token_file names."},
    {Reason::kTokenRefused, "token_refused",
     "access token was refused by Meta",
     "Set a new access_token, and the app_secret that belongs to it, with ALTER USER MAPPING."},
    {Reason::kPermissionMissing, "permission_missing",
     "access token lacks a permission for the dataset",
     "Assign the dataset to the token's system user in Meta's business settings."},
    {Reason::kDatasetUnknown, "dataset_unknown",
     "dataset does not exist at Meta or is hidden from the access token",
     "Check dataset_id of the server, and that the token's system user may see that dataset."},
    {Reason::kPathUnknown, "path_unknown",
     "endpoint did not understand the address of the request",
     "Check that the access token arrives (a proxy may strip the Authorization header: try token_in => 'body'), then api_version, then dataset_id of the server."},
    {Reason::kVersionDead, "version_dead",
     "version of the Graph API is no longer served",
     "Set api_version of the server to a current version, or drop the option."},
    {Reason::kOptionMissing, "option_missing",
     "server lacks a required option",
     "Set dataset_id and lead_event_source with ALTER SERVER."},
    {Reason::kPaused, "paused",
     "dataset is paused",
     "Call capi_resume, or set the option mode to live if it says paused."},
    {Reason::kCloned, "cloned",
     "database is a copy of another one",
     "Call capi_resume only if this database is to send from now on; see docs/copies.md."},
    {Reason::kHostNotAllowed, "host_not_allowed",
     "crm_capi.hosts does not name this host",
     "Add the host to crm_capi.hosts and reload, if events are to be sent from here."},
};
// clang-format on

// Describe indexes the table, and every enumerator must have its row.
constexpr bool RowsFollowTheEnum() {
    for (size_t i = 0; i < std::size(kTable); ++i) {
        if (kTable[i].reason != static_cast<Reason>(i)) {
            return false;
        }
    }
    return std::size(kTable) == static_cast<size_t>(Reason::kHostNotAllowed) + 1;
}
static_assert(RowsFollowTheEnum(), "a reason lacks its row, or rows are out of order");

}  // namespace

const ReasonText& Describe(Reason reason) {
    const auto index = static_cast<size_t>(reason);
    return kTable[index < std::size(kTable) ? index : 0];
}

Reason ReasonFromCode(std::string_view code) {
    for (const ReasonText& row : kTable) {
        if (row.code == code) {
            return row.reason;
        }
    }
    return Reason::kNone;
}

const ReasonText* ReasonTable(int* count) {
    *count = static_cast<int>(std::size(kTable));
    return kTable;
}

}  // namespace crm_capi
