import Glibc

/// A TCP connection that sends exactly the bytes that a test writes.
final class RawClient {
    let descriptor: CInt
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
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        precondition(code == 0, "no connection to port \(port): errno \(errno)")
    }

    deinit { close(descriptor) }

    func send(_ bytes: [UInt8]) {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress! + sent, $0.count - sent, CInt(truncatingIfNeeded: MSG_NOSIGNAL))
            }
            guard count > 0 else { return }
            sent += count
        }
    }

    func send(_ text: String) { send(Array(text.utf8)) }

    /// Sends as much as the kernel accepts without waiting; returns the number of bytes.
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

    /// Reads once. false: the end of the connection, or the timeout.
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

    /// Reads until `text` has arrived; returns everything received.
    @discardableResult
    func read(until text: String) -> String {
        while !string.contains(text), read() {}
        return string
    }

    /// Reads to the end of the connection; returns everything received.
    @discardableResult
    func readToEnd() -> String {
        while read() {}
        return string
    }

    /// Reads until at least `count` bytes are received.
    func read(count: Int) {
        while received.count < count, read() {}
    }

    func forget(_ count: Int? = nil) {
        if let count { received.removeFirst(count) } else { received = [] }
    }

    var string: String { String(decoding: received, as: UTF8.self) }

    /// Removes the server's next frame from ``received``; returns its first byte and its payload.
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

    /// Opens a WebSocket, and removes the head of the response from ``received``.
    func upgrade(_ target: String, early: [UInt8] = []) -> Bool {
        send(
            Array(
                "GET \(target) HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
                    .utf8)
                + early)
        read(until: "\r\n\r\n")
        guard let end = received.indices.dropLast(3).first(where: { received[$0...].starts(with: [13, 10, 13, 10]) })
        else { return false }
        defer { received.removeFirst(end + 4) }
        return string.hasPrefix("HTTP/1.1 101 ")
    }
}

/// Builds frames as a client sends them, valid and invalid ones.
enum ClientFrame {
    static func make(
        opcode: UInt8, _ payload: [UInt8], isFinal: Bool = true, rsv: UInt8 = 0,
        key: [UInt8]? = [0x37, 0xFA, 0x21, 0x3D], declare: Int? = nil
    ) -> [UInt8] {
        var frame: [UInt8] = [(isFinal ? 0x80 : 0) | rsv << 4 | opcode]
        let count = declare ?? payload.count
        let mask: UInt8 = key == nil ? 0 : 0x80
        if (0..<126).contains(count) {
            frame.append(mask | UInt8(count))
        } else if (0..<65_536).contains(count) {
            frame += [mask | 126, UInt8(count >> 8), UInt8(count & 0xFF)]
        } else {
            frame.append(mask | 127)
            frame += (0..<8).reversed().map { UInt8(truncatingIfNeeded: count >> ($0 * 8)) }
        }
        guard let key else { return frame + payload }
        return frame + key + payload.enumerated().map { $0.element ^ key[$0.offset & 3] }
    }

    static func text(_ text: String, isFinal: Bool = true) -> [UInt8] {
        make(opcode: 1, Array(text.utf8), isFinal: isFinal)
    }
    static func close(_ code: UInt16) -> [UInt8] { make(opcode: 8, [UInt8(code >> 8), UInt8(code & 0xFF)]) }
}

extension String {
    /// Calls `body` with the text's bytes, which are valid for the call only.
    func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        var text = self
        return try text.withUTF8 { try body(UnsafeRawBufferPointer($0)) }
    }
}

/// Pseudorandom numbers, the same in every run.
struct Xorshift: RandomNumberGenerator {
    var state: UInt64

    init(state: UInt64) { self.state = state &* 0x9E37_79B9_7F4A_7C15 | 1 }

    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state
    }
}
