// endpoint_test.cpp - which base URLs are read, and which of them name this machine.
//
// A token is sent to the host that is read here, so what matters is that no other reader of the
// same text, above all libcurl, finds another host in it.
#include "core/dispatch/endpoint.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace crm_capi {
namespace {

using namespace std::string_view_literals;

TEST(ReadEndpoint, ReadsSchemeAndHost) {
    const struct {
        std::string_view url;
        bool https;
        bool loopback;
    } cases[] = {
        {"https://graph.facebook.com", true, false},
        {"https://graph.facebook.com/", true, false},
        {"https://graph.facebook.com:443", true, false},
        {"https://graph.facebook.com:8443/", true, false},
        {"https://GRAPH.facebook.com", true, false},
        {"https://xn--bcher-kva.example", true, false},
        {"https://gateway", true, false},
        {"https://10.0.0.7:1", true, false},
        {"https://10.0.0.7:65535", true, false},
        {"https://[2001:db8::1]", true, false},
        {"https://[2001:DB8::1]:443/", true, false},
        {"http://proxy.intern:8080", false, false},

        {"http://localhost", false, true},
        {"http://localhost/", false, true},
        {"http://localhost:8080", false, true},
        {"https://localhost:8443", true, true},
        {"http://127.0.0.1", false, true},
        {"http://127.0.0.1:8080/", false, true},
        {"http://127.255.255.254:8080", false, true},
        {"http://[::1]", false, true},
        {"http://[::1]:8080/", false, true},
    };
    for (const auto& c : cases) {
        Endpoint endpoint;
        ASSERT_TRUE(ReadEndpoint(c.url, &endpoint)) << c.url;
        EXPECT_EQ(endpoint.https, c.https) << c.url;
        EXPECT_EQ(endpoint.loopback, c.loopback) << c.url;
    }
}

// Whatever is not certainly this machine is not. Being read is no permission: without TLS these are
// refused by the validator of the option.
TEST(ReadEndpoint, TakesNoOtherHostForThisMachine) {
    const std::string_view urls[] = {
        "http://127.0.0.1.evil.com",
        "http://127.0.0.evil.com",
        "http://127.evil.0.0",
        "http://localhost.evil.com",
        "http://localhost.localdomain",
        "http://evil-localhost",
        "http://evil.localhost",
        "http://126.0.0.1",
        "http://128.0.0.1",
        "http://12.7.0.0.1",
        "http://1127.0.0.1",
        "http://0127.0.0.1",  // octal to some: 87.0.0.1
        "http://127.0.0.010",
        "http://127.0.0.256",  // a name to a resolver, which may add its search domain
        "http://127.0.0.999",
        "http://127.0.0.4294967297",
        "http://127.0.0.99999999999999999999",
        "http://127.1",
        "http://127.0.1",
        "http://127.0.0.1.",
        "http://127.0.0",
        "http://127.0.0.",
        "http://127...1",
        "http://127.0..1",
        "http://127...",
        "http://127.0.0.0.1",
        "http://127",
        "http://2130706433",
        "http://0x7f.0.0.1",
        "http://127.0.0.0x1",
        "http://0x7f000001",
        "http://0.0.0.0",
        "http://0",
        "http://[::]",
        "http://[::2]",
        "http://[::1.evil]",
        "http://[0:0:0:0:0:0:0:1]",
        "http://[::ffff:127.0.0.1]",
        "http://[::127.0.0.1]",
        "http://[127.0.0.1]",
        "http://LOCALHOST",
        "http://localhost.",
    };
    for (const std::string_view url : urls) {
        Endpoint endpoint;
        const bool read = ReadEndpoint(url, &endpoint);
        EXPECT_FALSE(read && endpoint.loopback) << url;
    }
}

TEST(ReadEndpoint, RefusesWhatCanBeReadInTwoWays) {
    const std::string_view urls[] = {
        ""sv,
        "https"sv,
        "https:"sv,
        "https:/"sv,
        "https://"sv,
        "https:///"sv,
        "https:///graph.facebook.com"sv,
        "https:graph.facebook.com"sv,
        "https:/graph.facebook.com"sv,
        "https:\\\\graph.facebook.com"sv,
        "graph.facebook.com"sv,
        "//graph.facebook.com"sv,
        "ftp://graph.facebook.com"sv,
        "file:///etc/passwd"sv,
        "httpss://graph.facebook.com"sv,
        "HTTPS://graph.facebook.com"sv,
        "Http://localhost"sv,
        "http ://localhost"sv,
        // user names
        "http://localhost@evil.com"sv,
        "http://localhost:80@evil.com"sv,
        "http://user:secret@localhost"sv,
        "http://evil.com@localhost"sv,
        "http://@localhost"sv,
        "http://127.0.0.1#@evil.com"sv,
        "http://127.0.0.1?@evil.com"sv,
        "http://127.0.0.1/@evil.com"sv,
        "http://127.0.0.1\\@evil.com"sv,
        "http://[::1]@evil.com"sv,
        "http://[::1@evil.com]"sv,
        // anything behind the host
        "https://graph.facebook.com//"sv,
        "https://graph.facebook.com/v25.0"sv,
        "https://graph.facebook.com/v25.0/"sv,
        "https://graph.facebook.com/."sv,
        "https://graph.facebook.com?"sv,
        "https://graph.facebook.com?x=1"sv,
        "https://graph.facebook.com#"sv,
        "https://graph.facebook.com#x"sv,
        "https://graph.facebook.com/?access_token=x"sv,
        "https://graph.facebook.com;x"sv,
        "https://graph.facebook.com,evil.com"sv,
        // ports
        "https://graph.facebook.com:"sv,
        "https://graph.facebook.com:/"sv,
        "https://graph.facebook.com:0"sv,
        "https://graph.facebook.com:00000"sv,
        "https://graph.facebook.com:65536"sv,
        "https://graph.facebook.com:99999"sv,
        "https://graph.facebook.com:4294967739"sv,
        "https://graph.facebook.com:99999999999999999999"sv,
        "https://graph.facebook.com:-443"sv,
        "https://graph.facebook.com:+443"sv,
        "https://graph.facebook.com: 443"sv,
        "https://graph.facebook.com:443 "sv,
        "https://graph.facebook.com:443:443"sv,
        "https://graph.facebook.com:https"sv,
        "https://graph.facebook.com:0x1bb"sv,
        "https://:443"sv,
        // blanks, control characters, other alphabets
        " https://graph.facebook.com"sv,
        "https://graph.facebook.com "sv,
        "https:// graph.facebook.com"sv,
        "https://graph facebook.com"sv,
        "https://graph.facebook.com\n"sv,
        "https://graph.facebook.com\r\nHost: evil.com"sv,
        "https://graph.facebook.com\t"sv,
        "https://graph.facebook.com\0"sv,
        "https://localhost\0.evil.com"sv,
        "\0https://localhost"sv,
        "https://graph.facebook.com\x7f"sv,
        "https://gr\xc3\xa4ph.facebook.com"sv,
        "https://graph\xe3\x80\x82"
        "facebook.com"sv,
        "https://graph%2efacebook.com"sv,
        "https://localhost%00.evil.com"sv,
        "https://graph_facebook.com"sv,
        "https://*.facebook.com"sv,
        "https://$(host)"sv,
        // no host
        "https://."sv,
        "https://..."sv,
        "https://-"sv,
        "https://.facebook.com"sv,
        "https://-o.facebook.com"sv,
        "https://graph..facebook.com"sv,
        // addresses in brackets
        "https://["sv,
        "https://]"sv,
        "https://[]"sv,
        "https://[::1"sv,
        "https://::1"sv,
        "https://::1]"sv,
        "https://[[::1]]"sv,
        "https://[::1]]"sv,
        "https://[::1]evil.com"sv,
        "https://[::1]:"sv,
        "https://[::1]:0"sv,
        "https://[::1%eth0]"sv,
        "https://[fe80::1%25eth0]"sv,
        "https://[v1.x]"sv,
        "https://[localhost]"sv,
        "https://[::1 ]"sv,
        "https://[::1\0.evil.com]"sv,
        "https://[127.0.0.1]"sv,
        "https://[1]"sv,
        "https://[.]"sv,
    };
    for (const std::string_view url : urls) {
        Endpoint endpoint;
        endpoint.loopback = true;
        EXPECT_FALSE(ReadEndpoint(url, &endpoint)) << url;
        EXPECT_TRUE(endpoint.loopback) << "touched by " << url;
    }
}

}  // namespace
}  // namespace crm_capi
