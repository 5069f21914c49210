/*
 * consent.cpp - see consent.hpp.
 */
#include "pg/queue/consent.hpp"

#include <string>

#include "core/event/consent.hpp"
#include "pg/base/encoding.hpp"
#include "pg/base/guard.hpp"
#include "pg/base/json.hpp"

namespace crm_capi {

ConsentWords
read_consent(const char* json)
{
    const char* written = nullptr;
    const ConsentMember* fault = nullptr;
    bool complete;
    /* What has no counterpart in UTF-8 is none of the values that a member may have. */
    const std::string_view utf8 = to_utf8(json, &complete);

    call_cpp("read the consent signals", [&] {
        const ConsentReading reading = ReadConsent(utf8);
        const std::string text = WriteConsent(reading.consent);
        fault = reading.fault;
        written = text.empty() ? nullptr : CopyToPalloc(text);
    });
    if (fault != nullptr)
        return {
            psprintf("argument \"%s\" must be %s", fault->name.data(), fault->requirement.data()),
            nullptr};
    return {nullptr, written == nullptr ? nullptr : parse_json(written)};
}

}  // namespace crm_capi
