// email_test.cpp - which address of a field is meant, and that none is made up.
#include <gtest/gtest.h>

#include <string>

#include "core/identity/identity_field.hpp"

namespace crm_capi {
namespace {

std::string Email(const std::string& value) {
    return NormalizeField(*FindIdentityField("em"), value, {}).value_or("");
}

TEST(Email, TheAddressOfAMailboxIsTaken) {
    for (const char* const value :
         {"jane@x.org", "Jane <Jane@X.org>", "<jane@x.org>", "\"Doe, Jane\" <jane@x.org>",
          "jane@x.org <jane@x.org>", "'Jane@x.org' <jane@x.org>", "mailto:jane@x.org",
          "jane@x.org (home)", "jane@x.org home", "Jane < jane@x.org >;"}) {
        EXPECT_EQ(Email(value), "jane@x.org") << value;
    }
}

TEST(Email, OfAListTheFirstOneIsTaken) {
    for (const char* const value :
         {"jane@x.org, joe@x.org", "jane@x.org;joe@x.org", "jane@x.org joe@x.org", "jane@x.org,",
          "jane@x.org|joe@x.org", "jane@x.org/joe@x.org", "jane@x.org\njoe@x.org",
          "Jane <jane@x.org>, Joe <joe@x.org>"}) {
        EXPECT_EQ(Email(value), "jane@x.org") << value;
    }
    // A local part may have what is no part of a domain.
    EXPECT_EQ(Email("a/b|c@x.org"), "a/b|c@x.org");
}

TEST(Email, WhatIsNotPlainlyOneAddressIsDroppedAndSaysWhy) {
    const struct {
        const char* value;
        DropCause cause;
    } cases[] = {
        {"Jane jane@x.org", DropCause::kForm},
        {"jane@x.org <joe@x.org>", DropCause::kSeveral},
        {"Jane <jane@x.org> Joe <joe@x.org>", DropCause::kSeveral},
        {"jane@x.orgjoe@x.org", DropCause::kSeveral},
        {"Jane <jane@x.org", DropCause::kForm},
        {"jane at x.org", DropCause::kForm},
        {"jane @x.org", DropCause::kForm},
        {"jane@x", DropCause::kForm},
        {"<>", DropCause::kForm},
    };
    for (const auto& [value, cause] : cases) {
        EXPECT_EQ(Email(value), "") << value;
        EXPECT_EQ(DropCauseCode(CauseOfDrop(*FindIdentityField("em"), value)), DropCauseCode(cause))
            << value;
    }
}

TEST(Email, OtherKeysHaveOneCause) {
    EXPECT_EQ(CauseOfDrop(*FindIdentityField("db"), "yesterday"), DropCause::kForm);
    EXPECT_EQ(CauseOfDrop(*FindIdentityField("em"), "\xff@x.org@"), DropCause::kForm);
}

// Different numbers have the same rounded text: it would be one id of many people.
TEST(RoundedNumber, IsNoIdAndNoPostalCode) {
    for (const char* const key : {"external_id", "zp"}) {
        const IdentityField& field = *FindIdentityField(key);
        for (const char* const rounded : {"5.25645E+11", "5,25645e+11", "5E+11", "1.0115E+04"}) {
            EXPECT_FALSE(NormalizeField(field, rounded, {})) << key << " " << rounded;
            EXPECT_EQ(CauseOfDrop(field, rounded), DropCause::kRounded) << key << " " << rounded;
        }
        for (const char* const other :
             {"550e8400", "12e+x", "e+11", "55.2e+11", "5.e+11", "x5e+11"}) {
            EXPECT_EQ(NormalizeField(field, other, {}), other) << key;
        }
    }
    EXPECT_EQ(NormalizeField(*FindIdentityField("zp"), "10115.0", {}), "10115");
    EXPECT_EQ(NormalizeField(*FindIdentityField("zp"), "10115.5", {}), "10115.5");
    EXPECT_EQ(CauseOfDrop(*FindIdentityField("zp"), "1"), DropCause::kForm);
}

}  // namespace
}  // namespace crm_capi
