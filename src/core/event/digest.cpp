// digest.cpp - see digest.hpp.
#include "core/event/digest.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <limits>
#include <stdexcept>

#include "core/text/ascii.hpp"
#include "core/text/decimal.hpp"

namespace crm_capi {
namespace {

constexpr size_t kEventIdDigits = 32;  // 128 bits: no two events of a company will ever collide

// Appends the first `count` bytes in lower-case hexadecimal.
void AppendHex(const unsigned char* bytes, size_t count, std::string* out) {
    char digits[2 * kSha256Bytes];
    for (size_t i = 0; i < count; ++i) {
        digits[2 * i] = HexDigit(bytes[i] >> 4);
        digits[2 * i + 1] = HexDigit(bytes[i] & 0x0F);
    }
    out->append(digits, 2 * count);
}

// The same by itself.
std::string Hex(const unsigned char* bytes, size_t count) {
    std::string text;
    AppendHex(bytes, count, &text);
    return text;
}

// What a digest needs, made once per process and kept: looking the algorithm up, as
// EVP_Digest(EVP_sha256()) does each time, takes locks and costs more than the digest of an event.
struct Hasher {
    const EVP_MD* algorithm;
    EVP_MD_CTX* context;
};

// Members that are null stand for a failure of OpenSSL, which Sha256 reports.
Hasher MakeHasher() {
#if OPENSSL_VERSION_NUMBER >= 0x30000000L
    return {EVP_MD_fetch(nullptr, "SHA256", nullptr), EVP_MD_CTX_new()};
#else
    return {EVP_sha256(), EVP_MD_CTX_new()};
#endif
}

// The number in decimal, and a line feed.
void AppendLine(int64_t number, std::string* out) {
    AppendDecimal(number, out);
    out->push_back('\n');
}

}  // namespace

Sha256Digest Sha256(std::string_view bytes) {
    static const Hasher hasher = MakeHasher();
    Sha256Digest digest;
    unsigned int size = 0;
    if (hasher.algorithm == nullptr || hasher.context == nullptr ||
        EVP_DigestInit_ex(hasher.context, hasher.algorithm, nullptr) != 1 ||
        EVP_DigestUpdate(hasher.context, bytes.data(), bytes.size()) != 1 ||
        EVP_DigestFinal_ex(hasher.context, digest.data(), &size) != 1 || size != digest.size()) {
        throw std::runtime_error("could not compute a SHA-256 digest");
    }
    return digest;
}

std::string Sha256Hex(std::string_view bytes) {
    const Sha256Digest digest = Sha256(bytes);
    return Hex(digest.data(), digest.size());
}

std::string AppSecretProof(std::string_view access_token, std::string_view app_secret) {
    // OpenSSL takes a null pointer for "no key" instead of an empty one.
    const char* key = app_secret.empty() ? "" : app_secret.data();
    const auto* message = reinterpret_cast<const unsigned char*>(access_token.data());
    unsigned char digest[kSha256Bytes];
    unsigned int size = 0;
    const bool fits = app_secret.size() <= std::numeric_limits<int>::max();
    if (!fits || HMAC(EVP_sha256(), key, static_cast<int>(app_secret.size()), message,
                      access_token.size(), digest, &size) == nullptr) {
        throw std::runtime_error("could not compute an HMAC-SHA-256 digest");
    }
    return Hex(digest, sizeof digest);
}

int64_t LaneKey(std::string_view bytes) {
    const Sha256Digest digest = Sha256(bytes);
    uint64_t key = 0;
    for (size_t i = 0; i < sizeof key; ++i) {
        key = key << 8 | digest[i];
    }
    // -1 and below: the sign is what tells a lane from a lead id.
    return -1 - static_cast<int64_t>(key >> 1);
}

EventIds::EventIds(std::string_view dataset_id)
    : identity_(dataset_id), dataset_part_(dataset_id.size() + 1) {
    identity_.push_back('\n');
}

// Unambiguous without escapes: every part but the last is made of digits.
void EventIds::Append(const Event& event, std::string* out) {
    identity_.resize(dataset_part_);
    AppendLine(event.lead_id, &identity_);
    AppendLine(event.event_time, &identity_);
    identity_.append(event.texts.event_name());
    AppendHex(Sha256(identity_).data(), kEventIdDigits / 2, out);
}

std::string EventId(std::string_view dataset_id, const Event& event) {
    std::string id;
    EventIds(dataset_id).Append(event, &id);
    return id;
}

}  // namespace crm_capi
