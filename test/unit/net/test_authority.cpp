// test_authority.cpp - a certificate authority for one test, its files in a folder of their own.
#include "test_authority.hpp"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cstdlib>
#include <filesystem>
#include <stdexcept>

namespace crm_capi_test {

namespace {

void Check(bool ok) {
    if (!ok) {
        throw std::runtime_error("OpenSSL could not make a test certificate");
    }
}

void AddExtension(X509* certificate, X509* issuer, int nid, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
    Check(extension != nullptr && X509_add_ext(certificate, extension, -1) == 1);
    X509_EXTENSION_free(extension);
}

template <typename Write>
void WriteFile(const std::string& path, Write write) {
    FILE* const file = fopen(path.c_str(), "w");
    Check(file != nullptr);
    const bool written = write(file) == 1;
    Check(fclose(file) == 0 && written);
}

}  // namespace

TestAuthority::TestAuthority() : key_(EVP_EC_gen("P-256")) {
    char name[] = "/tmp/crm_capi_ca.XXXXXX";
    Check(mkdtemp(name) != nullptr && key_);
    folder_ = name;
    certificate_ = NewCertificate(key_.get(), name + sizeof("/tmp/") - 1, 1);
    X509_set_issuer_name(certificate_.get(), X509_get_subject_name(certificate_.get()));
    AddExtension(certificate_.get(), certificate_.get(), NID_basic_constraints, "critical,CA:TRUE");
    AddExtension(certificate_.get(), certificate_.get(), NID_key_usage, "critical,keyCertSign");
    Check(X509_sign(certificate_.get(), key_.get(), EVP_sha256()) > 0);
    WriteFile(CaFile(), [&](FILE* file) { return PEM_write_X509(file, certificate_.get()); });
}

TestAuthority::~TestAuthority() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
}

TestAuthority::Certificate TestAuthority::NewCertificate(EVP_PKEY* key, const char* name,
                                                         long serial) {
    constexpr long kHalfDay = 12L * 3600;
    Certificate certificate(X509_new());
    Check(certificate != nullptr);
    X509_set_version(certificate.get(), X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), serial);
    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -kHalfDay);
    X509_gmtime_adj(X509_getm_notAfter(certificate.get()), kHalfDay);
    X509_set_pubkey(certificate.get(), key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(name), -1, -1, 0);
    return certificate;
}

std::shared_ptr<SSL_CTX> TestAuthority::Issue(const std::string& subject_alternative_names) {
    const Key key(EVP_EC_gen("P-256"));
    const Certificate certificate = NewCertificate(key.get(), "crm_capi test server", 2);
    X509_set_issuer_name(certificate.get(), X509_get_subject_name(certificate_.get()));
    AddExtension(certificate.get(), certificate_.get(), NID_subject_alt_name,
                 subject_alternative_names);
    Check(X509_sign(certificate.get(), key_.get(), EVP_sha256()) > 0);
    WriteFile(CertificateFile(),
              [&](FILE* file) { return PEM_write_X509(file, certificate.get()); });
    WriteFile(KeyFile(), [&](FILE* file) {
        return PEM_write_PrivateKey(file, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    });
    std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
    Check(context && SSL_CTX_use_certificate(context.get(), certificate.get()) == 1 &&
          SSL_CTX_use_PrivateKey(context.get(), key.get()) == 1);
    return context;
}

}  // namespace crm_capi_test
