import Glibc
import Transport

/// Why the daemon does not start, in one line.
struct StartFailure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }

    /// Why the daemon cannot listen.
    init(listening host: String, _ port: Int, _ error: any Error) {
        let place = "port \(port) on \(host)"
        switch (error as? ListenError)?.code {
        case EADDRINUSE: description = "\(place) is in use: stop the other program, or choose another with --port"
        case EACCES: description = "\(place) is not for this user: choose one from 1024 on with --port"
        case EADDRNOTAVAIL: description = "\(host) is no address of this machine: choose one with --host, such as 127.0.0.1 or 0.0.0.0"
        default: description = "cannot listen on \(host):\(port): \(error)"
        }
    }
}
