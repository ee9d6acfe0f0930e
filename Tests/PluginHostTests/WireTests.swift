import CJackfield
import Testing

@testable import PluginHost

@Suite("Messages between the daemon and a worker")
struct WireTests {
    /// Reads what `write` has written; every byte must be read.
    private func roundTrip<Value>(
        _ write: (inout WireWriter) throws -> Void, _ read: (inout WireReader) throws -> Value
    ) throws -> Value {
        var writer = WireWriter()
        try write(&writer)
        return try writer.bytes.withUnsafeBytes { bytes in
            var reader = WireReader(bytes, WireArena())
            let value = try read(&reader)
            try reader.finish()
            return value
        }
    }

    private func text(_ pack: TextPack, _ index: Int) -> jf_text { pack[index] }

    @Test("numbers, texts and lists are read as they were written")
    func plain() throws {
        let pack = TextPack([.text("name"), .text(""), .text("value ü")])
        let texts = [pack[0], pack[1], pack[2]]
        let read = try roundTrip(
            { writer in
                writer.integer(Int64.min)
                writer.flag(true)
                texts.withUnsafeBufferPointer { writer.texts($0.baseAddress, 3) }
                writer.text(jf_text(ptr: nil, len: 7))
            },
            { reader in
                let number = try reader.integer(Int64.self)
                let flag = try reader.flag()
                let list = try reader.texts()
                let strings = (0..<Int(list.count)).map { list.items![$0].string }
                let absent = try reader.text()
                return (number, flag, strings, absent.ptr == nil ? absent.len : 0)
            })
        #expect(read.0 == .min && read.1 && read.2 == ["name", "", "value ü"] && read.3 == 7)
        withExtendedLifetime(pack) {}
    }

    @Test("values of service calls are read as they were written, nested ones as well")
    func values() throws {
        let pack = TextPack([.text("text"), .text("[1]")])
        let inner = [jf_i64(.min), jf_string(pack[0])]
        try inner.withUnsafeBufferPointer { inner in
            let outer = [jf_f64(1.5), jf_json_text(pack[1]), jf_array(inner.baseAddress, 2), jf_none()]
            let described = try outer.withUnsafeBufferPointer { outer in
                try roundTrip(
                    { $0.values(outer.baseAddress, 4) },
                    { reader in
                        let list = try reader.values()
                        let items = UnsafeBufferPointer(start: list.items, count: Int(list.count))
                        return [
                            "\(items[0].val.f64)", items[1].val.text.string, "\(items[2].count)",
                            "\(items[2].val.items[0].val.i64)", items[2].val.items[1].val.text.string,
                            "\(items[3].kind)",
                        ]
                    })
            }
            #expect(described == ["1.5", "[1]", "2", "\(Int64.min)", "text", "0"])
        }
        withExtendedLifetime(pack) {}
    }

    @Test("a target, a message and a response are read as the plugin passed them")
    func structures() throws {
        let pack = TextPack([.text("/chat"), .text("room"), .text("hello"), .text("[1]"), .text("body")])
        let rooms = [pack[1]]
        let read = try rooms.withUnsafeBufferPointer { rooms in
            var target = jf_target()
            target.nsp = pack[0]
            target.rooms = rooms.baseAddress
            target.room_count = 1
            target.except_socket = 9
            var message = jf_message()
            message.name = pack[2]
            message.args = pack[3]
            message.flags = JF_MESSAGE_VOLATILE
            var response = jf_response()
            response.status = 404
            response.body = jf_bytes(pack.bytes(4))
            return try roundTrip(
                { writer in
                    try writer.target(&target)
                    try writer.message(&message, mostAttachments: 10)
                    try writer.message(nil, mostAttachments: 10)
                    try writer.response(&response)
                },
                { reader in
                    let target = try #require(try reader.target()).pointee
                    let message = try #require(try reader.message(mostAttachments: 10)).pointee
                    #expect(try reader.message(mostAttachments: 10) == nil)
                    let response = try #require(try reader.response()).pointee
                    return [
                        target.nsp.string, target.rooms[0].string, "\(target.except_socket)", message.name.string,
                        message.args.string, "\(message.flags)", "\(response.status)", "\(response.body.len)",
                    ]
                })
        }
        #expect(read == ["/chat", "room", "9", "hello", "[1]", "1", "404", "4"])
        withExtendedLifetime(pack) {}
    }

    @Test("more items than a list may have are not written, and the daemon still reads their number")
    func longList() throws {
        let texts = [jf_text](repeating: jf_text(), count: 4)
        let read = try texts.withUnsafeBufferPointer { texts in
            try roundTrip(
                { try $0.arguments(texts.baseAddress, 5_000_000, most: 1_000, "rooms") },
                { reader in
                    let list = try reader.arguments(most: 1_000)
                    return (list.count, list.items != nil)
                })
        }
        #expect(read.0 == 5_000_000 && read.1)
    }

    /// Everything that the daemon reads of a worker's messages.
    private func readEverything(_ bytes: UnsafeRawBufferPointer) {
        let reads: [(inout WireReader) throws -> Void] = [
            { while true { _ = try $0.text() } },
            { _ = try $0.descriptor(IsolatedPlugin.proxies) },
            { _ = try $0.message(mostAttachments: 10) },
            { _ = try $0.target() },
            { _ = try $0.response() },
            { _ = try $0.admission(freeing: IsolatedPlugin.free) { _ in nil } },
            { _ = try $0.need(IsolatedPlugin.changed) { _ in nil } },
            { _ = try $0.values() },
            { _ = try $0.value() },
            { _ = try $0.saved() },
            { _ = try $0.texts() },
            { _ = try $0.pairs() },
            { _ = try $0.attachments() },
        ]
        for read in reads {
            let arena = WireArena()
            var reader = WireReader(bytes, arena)
            do { try read(&reader) } catch { continue }
            withExtendedLifetime(arena) {}
        }
    }

    @Test("random bytes are refused or read, and nothing beyond them is touched")
    func randomBytes() {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<4_000 {
            let count = Int.random(in: 0..<400, using: &random)
            // Exactly as large as the payload, so that a sanitizer notices a read beyond it.
            let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: max(1, count), alignment: 1)
            defer { bytes.deallocate() }
            for index in 0..<count {
                bytes[index] = Bool.random(using: &random) ? 0 : .random(in: .min ... .max, using: &random)
            }
            readEverything(UnsafeRawBufferPointer(rebasing: bytes[..<count]))
        }
    }

    @Test("a message with a few wrong bytes is refused or read")
    func mutatedBytes() throws {
        let pack = TextPack([.text("name"), .text("[1,2,3]"), .text("add(a: f64) -> f64")])
        var message = jf_message()
        message.name = pack[0]
        message.args = pack[1]
        var method = jf_method_decl()
        method.signature = pack[2]
        method.handler = { _, _ in 0 }
        var plugin = jf_plugin()
        plugin.name = pack[0]
        plugin.version = pack[0]
        let values = [jf_string(pack[0]), jf_f64(1)]
        var writers = [WireWriter(), WireWriter(), WireWriter()]
        try writers[0].message(&message, mostAttachments: 10)
        values.withUnsafeBufferPointer { writers[1].values($0.baseAddress, 2) }
        try withUnsafePointer(to: &method) { method in
            var service = jf_service_decl()
            service.name = pack[0]
            service.major = 1
            service.methods = jf_method_list(items: method, count: 1, stride: 48)
            try withUnsafePointer(to: &service) { service in
                plugin.services = jf_service_list(items: service, count: 1, stride: 40)
                try writers[2].descriptor(plugin)
            }
        }
        var random = SystemRandomNumberGenerator()
        for round in 0..<4_000 {
            var bytes = writers[round % writers.count].bytes
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let index = Int.random(in: bytes.indices, using: &random)
                bytes[index] = Bool.random(using: &random) ? .max : .random(in: .min ... .max, using: &random)
            }
            if Bool.random(using: &random) { bytes.removeLast(Int.random(in: 0..<bytes.count, using: &random)) }
            bytes.withUnsafeBytes { readEverything($0) }
        }
        withExtendedLifetime(pack) {}
    }
}

@Suite("Callbacks that run in a worker")
struct RunningCallsTests {
    private func call(lane: Int, bytes: Int = 10) -> RunningCall {
        RunningCall(body: .other, title: "a callback", lane: lane, since: 0, bytes: bytes, isResult: false, data: nil)
    }

    @Test("the first callback of a strand runs, the others wait behind it")
    func order() {
        var calls = RunningCalls()
        #expect(calls.add(call(lane: 0)) == (1, false))
        #expect(calls.add(call(lane: 0)) == (2, true))
        #expect(calls.add(call(lane: 3)) == (3, false))
        #expect(calls.running.map(\.call.lane) == [0, 3])
        #expect(calls.finish(2) == nil, "it does not run yet")
        let finished = calls.finish(1)
        #expect(finished != nil && finished?.next != nil)
        #expect(calls.finish(1) == nil, "it has returned before")
        #expect(calls.finish(2)?.next == nil)
        #expect(calls.finish(3) != nil)
        #expect(calls.isEmpty && calls.bytes == 0)
    }

    @Test("what waited is counted when the worker ends")
    func removeAll() {
        var calls = RunningCalls()
        for lane in [0, 0, 0, 1] { _ = calls.add(call(lane: lane)) }
        let lost = calls.removeAll()
        #expect(lost.calls.count == 4 && lost.waiting == 2 && lost.waitingBytes == 20)
        #expect(calls.isEmpty && calls.bytes == 0 && calls.running.isEmpty && calls.oldest == 0)
    }

    @Test("a strand whose callbacks are slow has few of them in the worker, so that the others wait where it is fair")
    func slowCallbacks() {
        var calls = RunningCalls()
        for _ in 0..<20 { _ = calls.add(call(lane: 0)) }
        #expect(!calls.isFull(0), "nothing is known of their time")
        // They were sent at 0 on the clock, so each has taken long.
        for number in 1...2 { _ = calls.finish(UInt64(number)) }
        #expect(calls.isFull(0) && !calls.isFull(1))
        for number in 3...6 { _ = calls.finish(UInt64(number)) }
        #expect(!calls.isFull(0), "fewer than 16")
    }

    @Test("thousands of callbacks of one strand are finished in order")
    func many() {
        var calls = RunningCalls()
        for round in 0..<5_000 {
            _ = calls.add(call(lane: 0))
            _ = calls.add(call(lane: 0))
            #expect(calls.finish(UInt64(round + 1)) != nil)
        }
        #expect(calls.count == 5_000)
    }
}
