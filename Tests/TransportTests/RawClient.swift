import Glibc

/// A TCP connection with nothing repaired: what a test writes is what the server gets.
final class RawClient {
    private let descriptor: CInt
    private(set) var received: [UInt8] = []

    init(port: Int, receiveBuffer: Int? = nil) {
        descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        if let receiveBuffer {
            var size = CInt(receiveBuffer)
            setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<CInt>.size))
        }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let code = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
        }
        precondition(code == 0, "no connection to port \(port): errno \(errno)")
    }

    deinit { close(descriptor) }

    func send(_ bytes: [UInt8]) {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress! + sent, $0.count - sent, CInt(truncatingIfNeeded: MSG_NOSIGNAL)) }
            guard count > 0 else { return }
            sent += count
        }
    }

    func send(_ text: String) { send(Array(text.utf8)) }

    /// Sends as much as the kernel takes without waiting; how many bytes.
    @discardableResult
    func sendSome(_ bytes: [UInt8]) -> Int {
        var sent = 0
        while sent < bytes.count {
            let flags = CInt(truncatingIfNeeded: MSG_NOSIGNAL) | CInt(truncatingIfNeeded: MSG_DONTWAIT)
            let count = bytes.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress! + sent, $0.count - sent, flags) }
            guard count > 0 else { break }
            sent += count
        }
        return sent
    }

    /// Reads once. false: the end, or nothing came in time.
    @discardableResult
    func read(timeout: Int32 = 30_000, limit: Int = 65_536) -> Bool {
        var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard poll(&waiting, 1, timeout) == 1 else { return false }
        var buffer = [UInt8](repeating: 0, count: limit)
        let count = recv(descriptor, &buffer, limit, 0)
        guard count > 0 else {
            isAtEnd = true
            return false
        }
        received += buffer[..<count]
        return true
    }
    private(set) var isAtEnd = false

    /// Reads until `text` has come; what came.
    @discardableResult
    func read(until text: String) -> String {
        while !string.contains(text), read() {}
        return string
    }

    /// Reads to the end of the connection; what came.
    @discardableResult
    func readToEnd() -> String {
        while read() {}
        return string
    }

    /// Reads at least `count` bytes, if they come.
    func read(count: Int) {
        while received.count < count, read() {}
    }

    func forget(_ count: Int? = nil) {
        if let count { received.removeFirst(count) } else { received = [] }
    }

    var string: String { String(decoding: received, as: UTF8.self) }

    /// Takes the next frame of the server: its first byte and its payload.
    func frame() -> (first: UInt8, payload: [UInt8])? {
        while true {
            if received.count >= 2 {
                var size = 2
                var length = Int(received[1] & 0x7F)
                let extended = length == 126 ? 2 : length == 127 ? 8 : 0
                if received.count >= 2 + extended {
                    if extended > 0 { length = received[2..<(2 + extended)].reduce(0) { $0 << 8 | Int($1) } }
                    size += extended
                    if received.count >= size + length {
                        defer { received.removeFirst(size + length) }
                        return (received[0], Array(received[size..<(size + length)]))
                    }
                }
            }
            guard read() else { return nil }
        }
    }

    func textFrame() -> String? { frame().map { String(decoding: $0.payload, as: UTF8.self) } }

    /// Opens a WebSocket; the head of the answer is taken off.
    func upgrade(_ target: String, early: [UInt8] = []) -> Bool {
        send(
            Array("GET \(target) HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".utf8)
                + early)
        read(until: "\r\n\r\n")
        guard let end = received.indices.dropLast(3).first(where: { received[$0...].starts(with: [13, 10, 13, 10]) }) else { return false }
        defer { received.removeFirst(end + 4) }
        return string.hasPrefix("HTTP/1.1 101 ")
    }
}
