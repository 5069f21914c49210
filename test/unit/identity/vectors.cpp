// vectors.cpp - see vectors.hpp.
#include "vectors.hpp"

#include <cstdio>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace crm_capi {
namespace {

void AppendUtf8(unsigned long code, std::string* out) {
    if (code < 0x80) {
        out->push_back(static_cast<char>(code));
    } else if (code < 0x800) {
        out->push_back(static_cast<char>(0xC0 | code >> 6));
        out->push_back(static_cast<char>(0x80 | (code & 0x3F)));
    } else if (code < 0x10000) {
        out->push_back(static_cast<char>(0xE0 | code >> 12));
        out->push_back(static_cast<char>(0x80 | (code >> 6 & 0x3F)));
        out->push_back(static_cast<char>(0x80 | (code & 0x3F)));
    } else {
        out->push_back(static_cast<char>(0xF0 | code >> 18));
        out->push_back(static_cast<char>(0x80 | (code >> 12 & 0x3F)));
        out->push_back(static_cast<char>(0x80 | (code >> 6 & 0x3F)));
        out->push_back(static_cast<char>(0x80 | (code & 0x3F)));
    }
}

// \\ \t \n \r \uXXXX \UXXXXXXXX
std::string Unescape(const std::string& text) {
    std::string result;
    for (size_t at = 0; at < text.size(); ++at) {
        if (text[at] != '\\') {
            result.push_back(text[at]);
            continue;
        }
        const char kind = text.at(++at);
        if (kind == 'u' || kind == 'U') {
            const size_t digits = kind == 'u' ? 4 : 8;
            AppendUtf8(std::stoul(text.substr(at + 1, digits), nullptr, 16), &result);
            at += digits;
        } else {
            const size_t known = std::string("\\tnr").find(kind);
            if (known == std::string::npos) {
                throw std::runtime_error("unknown escape in the vectors");
            }
            result.push_back("\\\t\n\r"[known]);
        }
    }
    return result;
}

// "... | agree=5/6 | ...": all of them, or not.
bool IsBinding(const std::string& source) {
    const size_t at = source.find("agree=");
    int agreeing = 0;
    int asked = -1;
    if (at != std::string::npos) {
        std::sscanf(source.c_str() + at, "agree=%d/%d", &agreeing, &asked);
    }
    return agreeing == asked || source.find("digest published") != std::string::npos;
}

}  // namespace

std::vector<Vector> ReadVectors(const std::string& path) {
    std::ifstream file(path);
    std::vector<Vector> vectors;
    std::string line;
    std::getline(file, line);
    for (int number = 2; std::getline(file, line); ++number) {
        std::vector<std::string> columns;
        std::istringstream stream(line);
        for (std::string column; std::getline(stream, column, '\t');) {
            columns.push_back(column);
        }
        if (columns.size() != 5) {
            throw std::runtime_error("line " + std::to_string(number) +
                                     " of the vectors is broken");
        }
        Vector vector;
        vector.line = number;
        vector.field = columns[0];
        vector.input = columns[1] == "<EMPTY>" ? "" : Unescape(columns[1]);
        vector.expected = columns[2] == "<REJECT>" ? "" : Unescape(columns[2]);
        vector.sha256 = columns[3];
        vector.binding = IsBinding(columns[4]);
        vectors.push_back(vector);
    }
    return vectors;
}

}  // namespace crm_capi
