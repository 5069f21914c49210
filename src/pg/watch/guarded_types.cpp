/*
 * guarded_types.cpp - calling what the type of a watched column has brought along.
 */
#include "pg/watch/guarded_types.hpp"

#include "pg/base/attempt.hpp"

extern "C" {
#include "access/detoast.h"
}

namespace crm_capi {

namespace {

/* A stage has 255 characters, a lead id 17 digits. */
constexpr Size kLargestValue = 1024 * 1024;

struct Call {
    ColumnReader* reader;
    Datum a;
    Datum b;
    std::string_view text;
    bool is_equal;
};

std::string_view
view_of_text(Datum value)
{
    const text* const plain = DatumGetTextPP(value);

    return {VARDATA_ANY(plain), VARSIZE_ANY_EXHDR(plain)};
}

void
write(void* argument)
{
    auto* const call = static_cast<Call*>(argument);

    if (call->reader->is_text) {
        call->text = view_of_text(call->a);
        return;
    }
    const char* const output = OutputFunctionCall(&call->reader->output, call->a);
    call->text = {output, strlen(output)};
}

void
compare(void* argument)
{
    auto* const call = static_cast<Call*>(argument);
    ColumnReader* const reader = call->reader;

    call->is_equal =
        reader->is_compared_as_text
            ? view_of_text(call->a) == view_of_text(call->b)
            : DatumGetBool(FunctionCall2Coll(&reader->equal, reader->collation, call->a, call->b));
}

bool
is_out_of_row(const ColumnReader* reader, Datum value)
{
    return reader->is_varlena && VARATT_IS_EXTERNAL(DatumGetPointer(value));
}

/* A subtransaction costs some microseconds, and is taken where an error could leave something
 * behind: a value that has to be fetched, a function that looks into catalogs or calls others. */
ErrorData*
guard(void (*work)(void* argument), Call* call, bool needs_subtransaction)
{
    ErrorData* const error =
        needs_subtransaction ? attempt(work, call) : attempt_conversion(work, call);

    if (error != nullptr && ends_statement(error))
        ReThrowError(error);
    return error;
}

bool
same_text_form(ColumnReader* reader, Datum a, Datum b)
{
    const TextForm form_a = text_form(reader, a);
    const TextForm form_b = text_form(reader, b);

    return form_a.sqlstate == 0 && form_b.sqlstate == 0 && form_a.text == form_b.text;
}

}  // namespace

bool
is_too_large(Datum value)
{
    return toast_raw_datum_size(value) > kLargestValue;
}

TextForm
text_form(ColumnReader* reader, Datum value)
{
    Call call = {reader, value, 0, {}, false};

    if (reader->is_varlena && is_too_large(value))
        return {{}, true, 0};
    if (reader->is_text && is_at_hand(value))
        return {view_of_text(value), false, 0};
    const ErrorData* const error =
        guard(write, &call, !reader->is_simple || is_out_of_row(reader, value));
    return error == nullptr ? TextForm{call.text, false, 0}
                            : TextForm{{}, false, error->sqlerrcode};
}

/* What is too large is compared where it lies: a row that is updated elsewhere still points to the
 * same place. */
bool
is_equal(ColumnReader* reader, Datum a, Datum b)
{
    Call call = {reader, a, b, {}, false};

    if (reader->is_varlena && (is_too_large(a) || is_too_large(b)))
        return datumIsEqual(a, b, false, -1);
    if (reader->is_varlena && datumIsEqual(a, b, false, -1))
        return true;
    if (!reader->is_compared_as_text && !OidIsValid(reader->equal.fn_oid))
        return same_text_form(reader, a, b);
    const bool needs_subtransaction =
        !reader->is_simple || is_out_of_row(reader, a) || is_out_of_row(reader, b);
    return guard(compare, &call, needs_subtransaction) == nullptr && call.is_equal;
}

}  // namespace crm_capi
