// signal_block.hpp - keeps the process's signal handlers out of libcurl, and out of its threads.
//
// libcurl resolves names in a thread of its own and starts it with the caller's signal mask. A
// PostgreSQL handler that ran there would set latches and jump on the wrong stack. A thread born
// under this guard never sees a signal; those that arrive meanwhile wait for the guard's end, which
// is near because nothing under it blocks.
#pragma once

#include <csignal>
#include <ctime>

namespace crm_capi {

class SignalBlock {
public:
    SignalBlock() noexcept {
        sigset_t blocked;
        sigfillset(&blocked);
        // Faults of this very thread are not deferred: a core dump or a sanitizer must see them.
        for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS}) {
            sigdelset(&blocked, fault);
        }
        pthread_sigmask(SIG_BLOCK, &blocked, &before_);
    }

    SignalBlock(const SignalBlock&) = delete;
    SignalBlock& operator=(const SignalBlock&) = delete;

    // With CURLOPT_NOSIGNAL, libcurl leaves SIGPIPE to us, and some TLS libraries raise it when the
    // peer has gone. One that came under the guard is swallowed, so that the caller need not ignore
    // it.
    ~SignalBlock() {
        if (sigismember(&before_, SIGPIPE) == 0) {
            sigset_t pipe_only;
            sigemptyset(&pipe_only);
            sigaddset(&pipe_only, SIGPIPE);
            const timespec at_once = {0, 0};
            sigtimedwait(&pipe_only, nullptr, &at_once);
        }
        pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    }

private:
    sigset_t before_;
};

}  // namespace crm_capi
