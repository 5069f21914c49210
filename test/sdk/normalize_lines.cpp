// normalize_lines.cpp - the normaliser as a program: for each line FIELD, tab, value in hexadecimal
// it prints the normalised value in hexadecimal, tab, and what Meta would get; two empty columns
// for a value that is dropped.
#include <cstdio>
#include <iostream>
#include <string>

#include "core/identity/identity_field.hpp"

using namespace crm_capi;

static std::string FromHex(const std::string& digits) {
    std::string bytes;
    for (size_t at = 0; at + 1 < digits.size(); at += 2) {
        bytes.push_back(static_cast<char>(std::stoi(digits.substr(at, 2), nullptr, 16)));
    }
    return bytes;
}

static std::string ToHex(const std::string& bytes) {
    std::string digits;
    for (const char byte : bytes) {
        char two[3];
        std::snprintf(two, sizeof two, "%02x", static_cast<unsigned char>(byte));
        digits += two;
    }
    return digits;
}

int main() {
    NormalizeContext context;
    context.current_year = 2026;
    for (std::string line; std::getline(std::cin, line);) {
        const size_t tab = line.find('\t');
        const IdentityField* const field = FindIdentityField(line.substr(0, tab));
        if (tab == std::string::npos || field == nullptr) {
            std::cerr << "cannot read the line: " << line << "\n";
            return 1;
        }
        const std::string value = FromHex(line.substr(tab + 1));
        std::cout << ToHex(NormalizeField(*field, value, context).value_or("")) << '\t'
                  << HashField(*field, value, context).value_or("") << '\n';
    }
    return 0;
}
