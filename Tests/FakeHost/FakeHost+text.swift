import CJackfield

extension FakeHost {
    static func string(_ text: jf_text, or fallback: String = "") -> String {
        if text.len == 0 { return fallback }
        return String(decoding: UnsafeRawBufferPointer(start: text.ptr, count: Int(text.len)), as: UTF8.self)
    }

    static func strings(_ texts: UnsafePointer<jf_text>?, _ count: UInt32) -> [String] {
        UnsafeBufferPointer(start: texts, count: Int(count)).map { string($0) }
    }

    static func octets(_ list: UnsafePointer<jf_bytes>?, _ count: UInt32) -> [[UInt8]] {
        UnsafeBufferPointer(start: list, count: Int(count)).map {
            Array(UnsafeBufferPointer(start: $0.ptr, count: Int($0.len)))
        }
    }
}

/// Passes texts to `body`, valid until it returns.
func withTexts<Result>(_ strings: [String], _ body: ([jf_text]) -> Result) -> Result {
    let copies = strings.map { string in
        let copy = UnsafeMutableBufferPointer<CChar>.allocate(capacity: string.utf8.count)
        _ = copy.initialize(from: string.utf8.lazy.map { CChar(bitPattern: $0) })
        return copy
    }
    defer { for copy in copies { copy.deallocate() } }
    return body(copies.map { jf_text(ptr: $0.baseAddress, len: UInt64($0.count)) })
}

/// Passes byte strings to `body`, valid until it returns.
func withOctets(_ strings: [[UInt8]], _ body: (UnsafeBufferPointer<jf_bytes>) -> Void) {
    let copies = strings.map { string in
        let copy = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: string.count)
        _ = copy.initialize(from: string)
        return copy
    }
    defer { for copy in copies { copy.deallocate() } }
    copies.map { jf_bytes(ptr: $0.baseAddress, len: UInt64($0.count)) }.withUnsafeBufferPointer(body)
}

/// Passes descriptions of clients to `body`, valid until it returns.
func withSocketInfos(
    _ clients: [(key: jf_socket, value: FakeHost.Client)], _ body: (UnsafeBufferPointer<jf_socket_info>) -> Void
) {
    let strings = clients.flatMap { [$0.value.id, $0.value.user ?? "", $0.value.data] + $0.value.rooms }
    withTexts(strings + ["/"]) { texts in
        texts.withUnsafeBufferPointer { texts in
            var next = 0
            let items = clients.map { handle, client in
                var item = jf_socket_info()
                item.struct_size = UInt32(MemoryLayout<jf_socket_info>.size)
                item.socket = handle
                item.connection = handle
                item.transport = JF_TRANSPORT_WEBSOCKET
                item.nsp = texts[texts.count - 1]
                item.id = texts[next]
                item.user = texts[next + 1]
                item.data = texts[next + 2]
                item.rooms = texts.baseAddress.map { $0 + next + 3 }
                item.room_count = UInt32(client.rooms.count)
                next += 3 + client.rooms.count
                return item
            }
            items.withUnsafeBufferPointer(body)
        }
    }
}
