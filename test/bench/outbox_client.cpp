// outbox_client.cpp - the peers: a C++ client that drains an outbox whose bodies lie ready in it.
//
//     outbox_client skip-locked|cursor|listen CONNINFO URL CA-FILE BATCH THREADS
//
// skip-locked   takes rows FOR UPDATE SKIP LOCKED, sends them, deletes them, commits
// cursor        one thread that remembers how far it has come, and what its snapshot did not show
// listen        as skip-locked, each time that somebody has said NOTIFY outbox
//
// What it cost goes to standard output at the end: "cpu_us N", of this process and of the backends
// of its sessions, which run on the same machine.
//
// Table: outbox (id bigint PRIMARY KEY, xid xid8, body text), and for the cursor outbox_position.
// Ends when the outbox is empty; with listen never, which says "listening" when it does. Each
// thread has a session and a connection of its own.
#include <curl/curl.h>
#include <libpq-fe.h>
#include <poll.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

namespace {

// CPU of the backends of sessions that have ended.
std::atomic<int64_t> backends_cpu_us{0};

// What the kernel's scheduler accounts to a process.
int64_t CpuMicros(int pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/schedstat");
    int64_t nanoseconds = 0;
    file >> nanoseconds;
    return nanoseconds / 1000;
}

// Of this process, with all its threads.
int64_t OwnCpuMicros() {
    timespec spent = {};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
    return int64_t{spent.tv_sec} * 1000000 + spent.tv_nsec / 1000;
}

struct Options {
    std::string mode;
    const char* conninfo;
    const char* url;
    const char* ca_file;
    std::string batch;
    int threads;
};

[[noreturn]] void Die(const char* what, const char* why) {
    std::fprintf(stderr, "outbox_client: %s: %s\n", what, why);
    std::_Exit(1);
}

size_t Ignore(char*, size_t size, size_t count, void*) {
    return size * count;
}

class Sender {
public:
    explicit Sender(const Options& options) : easy_(curl_easy_init()) {
        headers_ = curl_slist_append(headers_, "Content-Type: application/json");
        headers_ = curl_slist_append(headers_, "Expect:");
        curl_easy_setopt(easy_, CURLOPT_URL, options.url);
        curl_easy_setopt(easy_, CURLOPT_CAINFO, options.ca_file);
        curl_easy_setopt(easy_, CURLOPT_HTTPHEADER, headers_);
        curl_easy_setopt(easy_, CURLOPT_WRITEFUNCTION, Ignore);
        curl_easy_setopt(easy_, CURLOPT_NOSIGNAL, 1L);
    }
    ~Sender() {
        curl_easy_cleanup(easy_);
        curl_slist_free_all(headers_);
    }
    void Send(const std::string& body) {
        curl_easy_setopt(easy_, CURLOPT_POSTFIELDSIZE, static_cast<long>(body.size()));
        curl_easy_setopt(easy_, CURLOPT_POSTFIELDS, body.c_str());
        const CURLcode code = curl_easy_perform(easy_);
        if (code != CURLE_OK) {
            Die("could not send", curl_easy_strerror(code));
        }
    }

private:
    CURL* easy_;
    curl_slist* headers_ = nullptr;
};

class Session {
public:
    explicit Session(const char* conninfo) : connection_(PQconnectdb(conninfo)) {
        if (PQstatus(connection_) != CONNECTION_OK) {
            Die("could not connect", PQerrorMessage(connection_));
        }
    }
    ~Session() {
        backends_cpu_us += CpuMicros(PQbackendPID(connection_));
        PQfinish(connection_);
    }
    PGresult* Run(PGresult* result) {
        const ExecStatusType status = PQresultStatus(result);
        if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
            Die("a statement failed", PQerrorMessage(connection_));
        }
        return result;
    }
    void Do(const char* sql) { PQclear(Run(PQexec(connection_, sql))); }
    void Prepare(const char* name, const char* sql) {
        PQclear(Run(PQprepare(connection_, name, sql, 0, nullptr)));
    }
    // Until somebody says NOTIFY; what was said meanwhile counts as one.
    void WaitForNotify() {
        pollfd socket = {PQsocket(connection_), POLLIN, 0};
        bool any = false;
        while (!any) {
            if (poll(&socket, 1, -1) < 0 || PQconsumeInput(connection_) == 0) {
                Die("could not wait", PQerrorMessage(connection_));
            }
            while (PGnotify* const notify = PQnotifies(connection_)) {
                PQfreemem(notify);
                any = true;
            }
        }
    }
    PGresult* Execute(const char* name, std::vector<const char*> values) {
        return Run(PQexecPrepared(connection_, name, static_cast<int>(values.size()), values.data(),
                                  nullptr, nullptr, 0));
    }

private:
    PGconn* connection_;
};

std::string JoinBodies(PGresult* rows, int column) {
    std::string body = "{\"data\":[";
    for (int row = 0; row < PQntuples(rows); ++row) {
        body.append(row == 0 ? "" : ",")
            .append(PQgetvalue(rows, row, column),
                    static_cast<size_t>(PQgetlength(rows, row, column)));
    }
    return body + "]}";
}

std::string JoinIds(PGresult* rows) {
    std::string ids = "{";
    for (int row = 0; row < PQntuples(rows); ++row) {
        ids.append(row == 0 ? "" : ",").append(PQgetvalue(rows, row, 0));
    }
    return ids + "}";
}

void PrepareSkipLocked(Session* session) {
    session->Prepare("take",
                     "SELECT id, body FROM outbox ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED");
    session->Prepare("settle", "DELETE FROM outbox WHERE id = ANY ($1::bigint[])");
}

void EmptyOutbox(const Options& options, Session* session, Sender* sender) {
    for (bool more = true; more;) {
        session->Do("BEGIN");
        PGresult* const rows = session->Execute("take", {options.batch.c_str()});
        more = PQntuples(rows) > 0;
        if (more) {
            sender->Send(JoinBodies(rows, 1));
            PQclear(session->Execute("settle", {JoinIds(rows).c_str()}));
        }
        PQclear(rows);
        session->Do("COMMIT");
    }
}

void DrainSkipLocked(const Options& options) {
    Session session(options.conninfo);
    Sender sender(options);
    PrepareSkipLocked(&session);
    EmptyOutbox(options, &session, &sender);
}

[[noreturn]] void Listen(const Options& options) {
    Session session(options.conninfo);
    Sender sender(options);
    PrepareSkipLocked(&session);
    session.Do("LISTEN outbox");
    std::puts("listening");
    std::fflush(stdout);
    for (;;) {
        EmptyOutbox(options, &session, &sender);
        session.WaitForNotify();
    }
}

// Rows that have become visible since the snapshot `seen`, in pages: what lies behind a page's last
// id is read again under the same pair of snapshots until nothing is left.
void DrainByCursor(const Options& options) {
    Session session(options.conninfo);
    Sender sender(options);
    session.Prepare("look", "SELECT pg_current_snapshot()");
    session.Prepare("page",
                    "SELECT id, body FROM outbox WHERE id > $1 AND pg_visible_in_snapshot(xid, $2)"
                    " AND NOT pg_visible_in_snapshot(xid, $3) ORDER BY id LIMIT $4");
    session.Prepare("settle", "UPDATE outbox_position SET seen = $1, position = $2");
    std::string seen = "1:1:";
    for (bool any = true; any;) {
        any = false;
        PGresult* const snapshot = session.Execute("look", {});
        const std::string now = PQgetvalue(snapshot, 0, 0);
        PQclear(snapshot);
        std::string position = "0";
        for (bool more = true; more;) {
            PGresult* const rows = session.Execute(
                "page", {position.c_str(), now.c_str(), seen.c_str(), options.batch.c_str()});
            more = PQntuples(rows) > 0;
            if (more) {
                any = true;
                position = PQgetvalue(rows, PQntuples(rows) - 1, 0);
                sender.Send(JoinBodies(rows, 1));
                PQclear(session.Execute("settle", {seen.c_str(), position.c_str()}));
            }
            PQclear(rows);
        }
        seen = now;
    }
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 7) {
        std::fputs("usage: outbox_client MODE CONNINFO URL CA-FILE BATCH THREADS\n", stderr);
        return 2;
    }
    const Options options{argv[1], argv[2], argv[3], argv[4], argv[5], std::atoi(argv[6])};
    curl_global_init(CURL_GLOBAL_DEFAULT);
    std::vector<std::thread> threads;
    for (int i = 0; i < options.threads; ++i) {
        threads.emplace_back(options.mode == "listen"   ? Listen
                             : options.mode == "cursor" ? DrainByCursor
                                                        : DrainSkipLocked,
                             std::cref(options));
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    std::printf("cpu_us %lld\n", static_cast<long long>(OwnCpuMicros() + backends_cpu_us));
    return 0;
}
