import Glibc
import Support

/// One end of a connection to the control socket, which carries lines of JSON. Its calls block the calling thread, at
/// most until their deadline. The owner calls ``close()``.
struct ControlConnection {
    /// Why a line could not be read or written.
    enum Failure: Error {
        case timedOut
        /// The line has more bytes than the limit.
        case tooLong
        /// The other end closed the connection before the end of a line.
        case closed
        /// An `errno`.
        case system(Int32)
    }

    let descriptor: Int32
    /// Bytes behind the last line that was read.
    private var received: [UInt8] = []

    /// - Parameter descriptor: a connected socket that does not block.
    init(_ descriptor: Int32) {
        self.descriptor = descriptor
    }

    /// Reads the next line, without its end.
    ///
    /// - Parameters:
    ///   - limit: most bytes of the line.
    ///   - deadline: on ``Support/Clock/monotonicMilliseconds``.
    mutating func readLine(limit: Int, until deadline: Int64) throws(Failure) -> [UInt8] {
        var searched = 0
        var buffer = [UInt8](repeating: 0, count: 16_384)
        while true {
            if let end = received[searched...].firstIndex(of: UInt8(ascii: "\n")) {
                guard end <= limit else { throw .tooLong }
                defer { received.removeSubrange(...end) }
                return Array(received[..<end])
            }
            guard received.count <= limit else { throw .tooLong }
            searched = received.count
            let count = recv(descriptor, &buffer, buffer.count, 0)
            if count > 0 {
                received += buffer[..<count]
            } else if count == 0 {
                throw .closed
            } else {
                try wait(POLLIN, until: deadline)
            }
        }
    }

    /// Writes `line` and a line end.
    func write(line: [UInt8], until deadline: Int64) throws(Failure) {
        let bytes = line + [UInt8(ascii: "\n")]
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            if count > 0 { sent += count } else { try wait(POLLOUT, until: deadline) }
        }
    }

    /// Waits after a call that has failed, if it may succeed later; throws if not.
    private func wait(_ event: Int32, until deadline: Int64) throws(Failure) {
        switch errno {
        case EINTR: return
        case EAGAIN: break
        case EPIPE, ECONNRESET: throw .closed
        case let code: throw .system(code)
        }
        let rest = deadline - Clock.monotonicMilliseconds
        var wanted = pollfd(fd: descriptor, events: Int16(event), revents: 0)
        guard rest > 0, poll(&wanted, 1, Int32(clamping: rest)) != 0 else { throw .timedOut }
    }

    func close() { Glibc.close(descriptor) }
}
