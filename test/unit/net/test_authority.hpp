// test_authority.hpp - a certificate authority for one test, its files in a folder of their own.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>

namespace crm_capi_test {

class TestAuthority {
public:
    TestAuthority();
    ~TestAuthority();  // removes the files
    TestAuthority(const TestAuthority&) = delete;
    TestAuthority& operator=(const TestAuthority&) = delete;

    // The authority's own certificate, as PEM.
    std::string CaFile() const { return folder_ + "/ca.pem"; }
    // A server's certificate and key, written by the last Issue.
    std::string CertificateFile() const { return folder_ + "/server.pem"; }
    std::string KeyFile() const { return folder_ + "/server.key"; }
    std::string Folder() const { return folder_; }

    // Issues a certificate for these names ("IP:127.0.0.1", "DNS:example.test") and returns a
    // context that serves with it.
    std::shared_ptr<SSL_CTX> Issue(const std::string& subject_alternative_names);

private:
    struct KeyDeleter {
        void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
    };
    struct CertificateDeleter {
        void operator()(X509* certificate) const { X509_free(certificate); }
    };
    using Key = std::unique_ptr<EVP_PKEY, KeyDeleter>;
    using Certificate = std::unique_ptr<X509, CertificateDeleter>;

    // `name` is unique for an authority: two of one name and different keys look like forgery.
    // Unsigned, valid for a day around now.
    static Certificate NewCertificate(EVP_PKEY* key, const char* name, long serial);

    std::string folder_;
    Key key_;
    Certificate certificate_;
};

}  // namespace crm_capi_test
