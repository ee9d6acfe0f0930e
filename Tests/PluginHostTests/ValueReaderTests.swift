import CJackfield
import RawJSON
import Signatures
import Support
import Testing

@testable import PluginHost

@Suite("Values from JSON")
struct ValueReaderTests {
    /// SplitMix64, so that a failure can be repeated.
    private struct Generator: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var z = state
            z = (z ^ z &>> 30) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ z &>> 27) &* 0x94D0_49BB_1331_11EB
            return z ^ z &>> 31
        }
    }

    private static let scalars = [
        "0", "-0", "1", "-1", "1.5", "1e3", "10e-1", "1.50", "2147483647", "2147483648", "-2147483648", "-2147483649",
        "4294967295", "4294967296", "9223372036854775807", "9223372036854775808", "-9223372036854775808",
        "-9223372036854775809", "18446744073709551615", "18446744073709551616", "1e19", "1e20", "1e308", "1e309",
        "-1e400", "1e-400", "3.4028235677973362e38", "3.4028235677973366e38", "340282356779733642748073463979561713664",
        "340282356779733642748073463979561713663", "9007199254740993", "0.1234567890123456789",
        "123456789012345678901234567890", "true", "false", "null", #""""#, #""a""#, #""\u0000""#, #""a\u0000b\\u0000""#,
        #""\\u0000""#, #""\"\n\ud83d\ude00""#, #""AAAA""#, #""AAA=""#, #""AA==""#, #""AAA""#, #""A""#, #""A=A=""#,
        #""====""#, #""_-8\u003d""#, #""\/\/\/\/""#, "[]", "{}", #"{"_placeholder":true,"num":0}"#,
        #"{"_placeholder":true,"num":1}"#, #"{"num":0e5,"x":{},"_placeholder":true}"#, #"{"_placeholder":true}"#,
        #"{"_placeholder":false,"num":0,"_placeholder":true}"#, #"{"_placeholder":true,"num":0,"num":"x"}"#,
        #"{"_placeholder":true,"num":-0}"#,
    ]

    private static let keys = ["a", "b", "name", "\\u0061", "n\\u0061me", "x", "_placeholder", "", "\\\""]

    /// White space, or none.
    private static func space(_ generator: inout Generator) -> String {
        Int.random(in: 0..<8, using: &generator) == 0 ? [" ", "\n", "\t\r "].randomElement(using: &generator)! : ""
    }

    private static func value(_ depth: Int, _ generator: inout Generator) -> String {
        let space = space(&generator)
        switch depth == 0 ? 0 : Int.random(in: 0..<4, using: &generator) {
        case 1:
            let elements = (0..<Int.random(in: 0..<4, using: &generator)).map { _ in value(depth - 1, &generator) }
            return "\(space)[\(elements.joined(separator: ","))\(space)]"
        case 2:
            let members = (0..<Int.random(in: 0..<4, using: &generator)).map { _ in
                #""\#(keys.randomElement(using: &generator)!)"\#(space):\#(value(depth - 1, &generator))"#
            }
            return "{\(space)\(members.joined(separator: "\(space),"))}\(space)"
        default: return space + scalars.randomElement(using: &generator)! + space
        }
    }

    @Test(
        "the reader accepts what the contract accepts, and makes values of the types that the signature says",
        arguments: [
            "(x: bool)", "(x: i32, y: i32?)", "(x: i64)", "(x: u32)", "(x: u64)", "(x: f32)", "(x: f64)",
            "(x: string, y: cstring?)", "(x: bytes)", "(x: json)", "(x: json?, y: json)", "(x: f64[])", "(x: json[]?)",
            "(x: i64?[][])", "(x: {a: f64, b: string?})", "(x: {a: json?, name: {a: i32?, ...}?, ...})",
            "(x: {a: i32, b: u64?, name: cstring}[], y: bytes?)", "()", "(x: {...})", "(x: {})",
        ])
    func differential(_ text: String) throws {
        let signature = try Signature(ByteString(text))
        let contract = Contract(signature)
        let type = MethodType(signature)
        var generator = Generator(state: text.utf8.reduce(UInt64(7)) { $0 &* 31 &+ UInt64($1) })
        let attachment: [UInt8] = [1, 2, 3]
        var accepted = 0
        for _ in 0..<5_000 {
            let count = Int.random(in: 0...signature.parameters.count + 1, using: &generator)
            let args = (0..<count).map { _ in Self.value(3, &generator) }
            let json = Array("\(Self.space(&generator))[\(args.joined(separator: ","))]".utf8)
            try #require(JSONScanner.isValid(json))
            for (binary, attachments) in [(BinaryForm.attachment, 1), (.attachment, 0), (.base64, 0)] {
                let violation = json.withUnsafeBytes {
                    contract.checkArguments($0, attachments: attachments, binary: binary)
                }
                let problem: String? = attachment.withUnsafeBytes { attachment in
                    var list = jf_bytes(attachment)
                    return json.withUnsafeBytes { json in
                        withUnsafeTemporaryAllocation(byteCount: 64, alignment: 16) { buffer in
                            withUnsafeTemporaryAllocation(of: jf_value.self, capacity: contract.count + 1) { values in
                                withUnsafePointer(to: &list) { list in
                                    var reader = ValueReader(
                                        json, contract, attachments: list, count: attachments, binary: binary,
                                        buffer: buffer)
                                    defer { extendLifetime(reader) }
                                    guard reader.read(contract, into: values.baseAddress!) else { return "refused" }
                                    let count = UInt32(contract.count)
                                    return type.accepts(values.baseAddress, count)
                                        ? nil : type.problem(values.baseAddress, count)
                                }
                            }
                        }
                    }
                }
                let isSame = (violation == nil) == (problem == nil) && (problem == nil || problem == "refused")
                #expect(
                    isSame,
                    "\(String(decoding: json, as: UTF8.self)), \(binary): \(problem ?? "-"), \(violation?.description ?? "-")"
                )
                if violation == nil { accepted += 1 }
            }
        }
        #expect(accepted > 10)
    }

    @Test("every prefix of a text is read without reading beyond its end")
    func prefixes() throws {
        let signature = try Signature("(x: {a: f64[], b: bytes, c: json, d: cstring?}, y: i64)")
        let contract = Contract(signature)
        let text = Array(
            #"[{"a":[1.5,2e3,-4],"b":{"_placeholder":true,"num":0},"c":{"x":"\ud83d\ude00"},"d":"\"q"},-9223372036854775808]"#
                .utf8)
        for end in 0...text.count {
            // An allocation of exactly this length, so that AddressSanitizer finds a byte too many.
            let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: end, alignment: 1)
            defer { copy.deallocate() }
            copy.copyBytes(from: text[..<end])
            let isRead = withUnsafeTemporaryAllocation(byteCount: 64, alignment: 16) { buffer in
                withUnsafeTemporaryAllocation(of: jf_value.self, capacity: 2) { values in
                    var list = jf_bytes(UnsafeRawBufferPointer(start: nil, count: 0))
                    return withUnsafePointer(to: &list) { list in
                        var reader = ValueReader(
                            UnsafeRawBufferPointer(copy), contract, attachments: list, count: 1, binary: .attachment,
                            buffer: buffer)
                        return reader.read(contract, into: values.baseAddress!)
                    }
                }
            }
            if end == text.count { #expect(isRead) }
        }
    }
}
