// bare_loop.cpp - the limit of sending: bodies made beforehand, a bare libcurl loop, nothing else.
//
//     bare_loop URL CA-FILE BODY-FILE REQUESTS IN-FLIGHT
//
// Sends the same body again and again over as many connections as requests may be in flight.
#include <curl/curl.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

namespace {

size_t Ignore(char*, size_t size, size_t count, void*) {
    return size * count;
}

CURL* MakeTransfer(const char* url, const char* ca_file, curl_slist* headers,
                   const std::string& body) {
    CURL* const easy = curl_easy_init();
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_CAINFO, ca_file);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, Ignore);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, static_cast<long>(body.size()));
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body.c_str());
    return easy;
}

// Runs until the requests are answered; false if one failed.
bool SendAll(CURLM* multi, int requests, int in_flight) {
    int to_start = requests - in_flight;
    int running = in_flight;
    while (running > 0) {
        int left = 0;
        curl_multi_perform(multi, &running);
        while (const CURLMsg* const message = curl_multi_info_read(multi, &left)) {
            CURL* const easy = message->easy_handle;
            if (message->data.result != CURLE_OK) {
                std::fprintf(stderr, "bare_loop: %s\n", curl_easy_strerror(message->data.result));
                return false;
            }
            curl_multi_remove_handle(multi, easy);
            if (to_start > 0) {
                --to_start;
                ++running;
                curl_multi_add_handle(multi, easy);
            }
        }
        if (running > 0) {
            curl_multi_poll(multi, nullptr, 0, 1000, nullptr);
        }
    }
    return true;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 6) {
        std::fputs("usage: bare_loop URL CA-FILE BODY-FILE REQUESTS IN-FLIGHT\n", stderr);
        return 2;
    }
    std::ifstream file(argv[3], std::ios::binary);
    const std::string body((std::istreambuf_iterator<char>(file)),
                           std::istreambuf_iterator<char>());
    const int requests = std::atoi(argv[4]);
    const int in_flight = std::atoi(argv[5]);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    curl_slist* headers = curl_slist_append(nullptr, "Content-Type: application/json");
    headers = curl_slist_append(headers, "Expect:");
    CURLM* const multi = curl_multi_init();
    for (int i = 0; i < in_flight; ++i) {
        curl_multi_add_handle(multi, MakeTransfer(argv[1], argv[2], headers, body));
    }
    return SendAll(multi, requests, in_flight) ? 0 : 1;
}
