import RawJSON
import Signatures
import Support

extension Benchmarks {
    /// A chat message, a typical argument of an event.
    static let small: StaticString = #"["message",{"room":"general","body":"See you at nine, then.","reply_to":4711}]"#

    static var json: [Benchmark] {
        [
            Benchmark("json.scan", "validate an event's 77 bytes") {
                let text = bytes(of: small)
                return { count in
                    for _ in 0..<count { opaque(JSONScanner.isValid(unknown(text))) }
                }
            },
            Benchmark("json.scan-4k", "validate 4 KB: an array of 40 objects", guardCount: 100) {
                let item =
                    #"{"id":1234567,"name":"A. N. Other","email":"other@example.org","tags":["a","b"],"score":-1.5e3,"ok":true}"#
                let text = Array(("[" + Array(repeating: item, count: 40).joined(separator: ",") + "]").utf8)
                return { count in
                    text.withUnsafeBytes { text in
                        for _ in 0..<count { opaque(JSONScanner.isValid(unknown(text))) }
                    }
                }
            },
            Benchmark("json.pointer", "find /1/body in an event") {
                let (text, pointer) = (bytes(of: small), bytes(of: "/1/body"))
                return { count in
                    for _ in 0..<count { opaque(try? JSONPointer.find(pointer, in: unknown(text))) }
                }
            },
            Benchmark("json.quote", "write 40 bytes of text as a JSON string") {
                let text = bytes(of: "Say \"hello\" to the stranger, and listen.")
                return { count in
                    withUnsafeTemporaryAllocation(byteCount: 256, alignment: 1) { buffer in
                        for _ in 0..<count { opaque(JSONText.quote(unknown(text), into: buffer)) }
                    }
                }
            },
            Benchmark("contract.check", "check an event's arguments: an object of three members") {
                guard let signature = try? Signature("({room: string, limit: i64, unread: bool})") else {
                    fail("contract.check: the signature is invalid")
                }
                let contract = Contract(signature)
                let text = bytes(of: #"[{"room":"lobby","limit":20,"unread":true}]"#)
                return { count in
                    for _ in 0..<count {
                        opaque(contract.checkArguments(unknown(text), attachments: 0, binary: .attachment))
                    }
                }
            },
        ]
    }
}
