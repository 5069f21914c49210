/*
 * unsendable.cpp - why an event cannot be sent, as an error for the caller who asked for it.
 */
#include "pg/functions/unsendable.hpp"

#include "core/event/validation.hpp"
#include "pg/queue/tombstone.hpp"
#include "pg/watch/column_values.hpp"

namespace crm_capi {

namespace {

/* So that callers can tell a wrong time or size from a wrong value. */
int
sqlstate_of(Reason reason)
{
    switch (reason) {
        case Reason::kEventTimeTooOld:
        case Reason::kEventTimeInFuture:
        case Reason::kEventTimeBeforeLead:
        case Reason::kEventTimeUnreadable:
            return ERRCODE_DATETIME_VALUE_OUT_OF_RANGE;
        case Reason::kIdentityTooMany:
            return ERRCODE_PROGRAM_LIMIT_EXCEEDED;
        default:
            return ERRCODE_INVALID_PARAMETER_VALUE;
    }
}

}  // namespace

void
report_unsendable(Reason reason, const char* detail)
{
    const ReasonText& text = Describe(reason);

    ereport(ERROR, (errcode(sqlstate_of(reason)),
                    errmsg("cannot send the event: %.*s", static_cast<int>(text.text.size()),
                           text.text.data()),
                    errdetail("%s", detail),
                    errhint("%.*s", static_cast<int>(text.hint.size()), text.hint.data())));
}

void
require_argument(FunctionCallInfo fcinfo, int argument, const char* name)
{
    if (PG_ARGISNULL(argument))
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
                        errmsg("argument \"%s\" must not be null", name),
                        errdetail("An event cannot be sent without it."),
                        errhint("Give a value for \"%s\".", name)));
}

void
check_lead_id(int64 lead_id)
{
    const Reason reason = JudgeLeadId(lead_id);

    if (reason != Reason::kNone)
        report_unsendable(reason, psprintf("The lead id is " INT64_FORMAT ".", lead_id));
}

void
check_event_name(const text* name)
{
    const Reason reason = judge_stage(name);

    if (reason != Reason::kNone)
        report_unsendable(
            reason, psprintf("The event name has %d bytes; at most %d characters are allowed.",
                             static_cast<int>(VARSIZE_ANY_EXHDR(name)), kMaxEventNameCharacters));
}

/* An application that sends by hand is told; a trigger stays silent. */
void
refuse_forgotten(Oid schema, int64 lead_id)
{
    if (is_forgotten(schema, lead_id))
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("lead has been forgotten"),
                        errdetail("capi_forget was called for this lead id, so no event of it is "
                                  "enqueued any more."),
                        errhint("Leave the lead out; a person who comes back is a new lead with an "
                                "id of its own.")));
}

}  // namespace crm_capi
