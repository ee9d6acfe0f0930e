import RawJSON
import Signatures
import Support
import Testing

@testable import PluginCheck
@testable import PluginHost

@Suite("Generated arguments")
struct ArgumentGeneratorTests {
    static let signatures: [ByteString] = [
        "()", "(a: i32)", "(a: i32, b: u32, c: i64, d: u64, e: f32, f: f64, g: bool)", "(text: string, c: cstring)",
        "(a: bytes, b: bytes[])", "(a: json, b: json?)", "(a: i32?, b: string?)", "(list: {id: string, n: i64?}[])",
        "(open: {a: i32, ...}, deep: i32[][][])", "(a: {b: {c: {d: string[]?}?}?}?)", "(x: f64) throws -> f64",
    ]

    @Test("they are JSON that the signature allows", arguments: signatures)
    func allowed(_ text: ByteString) throws {
        let signature = try Signature(text)
        let contract = Contract(signature)
        var generator = ArgumentGenerator(seed: 7)
        for _ in 0..<500 {
            let arguments = generator.arguments(for: signature)
            #expect(JSONScanner.isValid(arguments.json))
            let violation = arguments.json.withUnsafeBytes {
                contract.checkArguments($0, attachments: arguments.attachments.count, binary: .attachment)
            }
            #expect(violation == nil, "\(arguments.excerpt): \(violation.map { "\($0)" } ?? "")")
        }
    }

    @Test("the same seed makes the same arguments, another one makes others")
    func seeds() throws {
        let signature = try Signature("(a: string, b: i64, c: json)")
        func first(_ seed: UInt64) -> [[UInt8]] {
            var generator = ArgumentGenerator(seed: seed)
            return (0..<20).map { _ in generator.arguments(for: signature).json }
        }
        #expect(first(3) == first(3) && first(3) != first(4))
    }

    @Test("broken arguments are JSON, and most of them break the signature")
    func broken() throws {
        let signature = try Signature("(a: i32, b: {c: string})")
        let contract = Contract(signature)
        var generator = ArgumentGenerator(seed: 5)
        let violations = (0..<200).count { _ in
            let arguments = generator.broken(for: signature)
            #expect(JSONScanner.isValid(arguments.json))
            return arguments.json.withUnsafeBytes {
                contract.checkArguments($0, attachments: arguments.attachments.count, binary: .attachment) != nil
            }
        }
        #expect(violations > 150)
    }

    @Test("hostile arguments are JSON arrays, which the host passes on")
    func hostile() {
        for text in HostileValues.arguments {
            #expect(JSONScanner.isValid(Array(text.utf8)) && text.hasPrefix("["), "\(text.cut(to: 100))")
        }
        for arguments in HostileValues.withAttachments { #expect(JSONScanner.isValid(arguments.json)) }
    }

    @Test("a namespace pattern has an example that is likely to match it")
    func namespaces() {
        #expect(PluginDescriptor.example(of: "/chat") == "/chat")
        #expect(PluginDescriptor.example(of: "^/dyn-[0-9]+$") == "/dyn-1")
        #expect(PluginDescriptor.example(of: "^/room/.*$") == "/room/1")
    }
}
