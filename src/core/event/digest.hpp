// digest.hpp - SHA-256 and what is built on it. OpenSSL does the hashing.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/event/event.hpp"

namespace crm_capi {

constexpr size_t kSha256Bytes = 32;
using Sha256Digest = std::array<unsigned char, kSha256Bytes>;

// SHA-256 of the bytes. Throws std::runtime_error if OpenSSL cannot.
Sha256Digest Sha256(std::string_view bytes);

// The same in lower-case hexadecimal. What follows is made of SHA-256 too, and throws alike.
std::string Sha256Hex(std::string_view bytes);

// Meta's appsecret_proof: hex(HMAC-SHA256(key = app secret, message = access token)),
// reference 3.4.
std::string AppSecretProof(std::string_view access_token, std::string_view app_secret);

// What keeps the events of a lead without Meta's id in order, in place of a lead id: a negative
// number, the same for the same bytes. The bytes are the CRM's own key of the lead or, if there is
// none, its identities; of 63 bits of a hash, so nothing of them can be read from it.
int64_t LaneKey(std::string_view bytes);

// Meta's event_id of a logical event: a pure function of dataset, lead, stage and event time, so
// that trigger, backfill, retry and repair agree on it and Meta can recognise a repetition. 32
// hexadecimal digits. Depends on dataset_id (Meta's digits), lead_id (or lane), event_time to the
// microsecond and event_name, and on nothing else of the event.
std::string EventId(std::string_view dataset_id, const Event& event);

// The same for many events of a dataset, without memory of its own for each of them.
class EventIds {
public:
    explicit EventIds(std::string_view dataset_id);
    // Writes the event's behind *out. Throws as Sha256 does.
    void Append(const Event& event, std::string* out);

private:
    std::string identity_;  // what is hashed: the dataset's part, then that of the latest event
    size_t dataset_part_;
};

}  // namespace crm_capi
