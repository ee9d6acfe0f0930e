import RawJSON
import Support
import Testing

@testable import Signatures

@Suite("Contract and reference")
struct ContractComparisonTests {
    @Test("a contract agrees with a simple check of a tree, for random signatures and JSON", arguments: 1...8)
    func agree(seed: UInt64) throws {
        var texts = RandomTexts(seed: seed)
        var outcomes = [0, 0, 0]
        for _ in 0..<400 {
            let signature = try Signature(ByteString(texts.signature()))
            let contract = Contract(signature)
            for _ in 0..<10 {
                let json = Array(texts.arguments(of: signature).utf8)
                let attachments = texts.number(below: 3)
                let binary = texts.chance(2) ? BinaryForm.attachment : .base64
                let values = try #require(try JSONValue(parsing: json).array)
                let reference = ReferenceContract(signature: signature, attachments: attachments, binary: binary)
                let found = json.withUnsafeBytes {
                    contract.checkArguments($0, attachments: attachments, binary: binary)
                }
                let answer: ReferenceContract.Answer =
                    found == nil ? .valid : found?.argument.map { .argument($0) } ?? .tooMany
                #expect(
                    answer == reference.arguments(values),
                    "\(signature): \(String(decoding: json, as: UTF8.self)): \(found?.description ?? "valid")")
                outcomes[answer == .valid ? 0 : answer == .tooMany ? 1 : 2] += 1
            }
        }
        // The texts are worth nothing if all of them are valid, or none.
        #expect(outcomes.allSatisfy { $0 > 50 }, "\(outcomes)")
    }
}

/// Random signatures, and random arguments that mostly fit them.
private struct RandomTexts {
    private var random: SplitMix

    /// One in this many values is of another type than the signature says.
    private let wrongness = 30

    init(seed: UInt64) {
        random = SplitMix(seed: seed)
    }

    mutating func number(below limit: Int) -> Int { Int.random(in: 0..<limit, using: &random) }

    mutating func chance(_ limit: Int) -> Bool { number(below: limit) == 0 }

    private mutating func one(of texts: [String]) -> String { texts.randomElement(using: &random) ?? "" }

    // MARK: Signatures

    mutating func signature() -> String {
        "(" + (0..<number(below: 5)).map { _ in type(3) }.joined(separator: ", ") + ")"
    }

    private mutating func type(_ depth: Int) -> String {
        var text = one(of: ["bool", "i32", "i64", "u32", "u64", "f32", "f64", "string", "cstring", "bytes", "json"])
        if depth > 0, chance(2) {
            let names = Self.names.shuffled(using: &random).prefix(number(below: 6))
            var fields = names.map { name in "\(name): \(type(depth - 1))" }
            if chance(3) { fields.append("...") }
            text = "{" + fields.joined(separator: ", ") + "}"
        }
        if chance(3) { text += "?" }
        if depth > 0, chance(3) {
            text += "[]"
            if chance(3) { text += "?" }
        }
        return text
    }

    private static let names = [
        "a", "b", "limit", "limits", "eight_by", "nine_byte", "seventeen_bytes_x", "seventeen_bytes_y",
        "a_name_longer_than_sixteen_bytes_1", "a_name_longer_than_sixteen_bytes_2",
    ]

    // MARK: JSON

    mutating func arguments(of signature: Signature) -> String {
        var count = signature.parameters.count
        if chance(8) { count += 1 }
        if chance(8) { count = max(0, count - 1) }
        return list(
            "[", "]",
            (0..<count).map { index in
                index < signature.parameters.count ? value(signature.parameters[index].type) : anything(2)
            })
    }

    private mutating func list(_ open: String, _ close: String, _ items: [String]) -> String {
        let space = one(of: ["", "", "", " ", "\n\t"])
        return space + open + space + items.joined(separator: space + "," + space) + space + close
    }

    private mutating func anything(_ depth: Int) -> String {
        switch number(below: depth > 0 ? 10 : 8) {
        case 0: return "null"
        case 1: return one(of: ["true", "false"])
        case 2, 3: return numberText()
        case 4, 5: return stringText()
        case 6: return #"{"_placeholder":true,"num":\#(number(below: 3))}"#
        case 7: return one(of: ["[]", "{}", " {} "])
        case 8: return list("[", "]", (0..<number(below: 3)).map { _ in anything(depth - 1) })
        default:
            return list(
                "{", "}", (0..<number(below: 3)).map { _ in key(Self.names[number(below: 10)]) + anything(depth - 1) })
        }
    }

    private mutating func value(_ type: SignatureType) -> String {
        if chance(wrongness) { return anything(3) }
        switch type {
        case .optional(let wrapped): return chance(3) ? "null" : value(wrapped)
        case .bool: return one(of: ["true", "false"])
        case .i32, .i64, .u32, .u64: return chance(6) ? numberText() : String(number(below: 100))
        case .f32, .f64: return chance(3) ? numberText() : "\(number(below: 100)).5"
        case .string: return stringText()
        case .cstring: return chance(8) ? stringText() : #""text""#
        case .bytes: return chance(2) ? #"{"_placeholder":true,"num":\#(number(below: 2))}"# : #""AAE=""#
        case .json: return anything(3)
        case .array(let element): return list("[", "]", (0..<number(below: 4)).map { _ in value(element) })
        case .record(let record): return object(record)
        }
    }

    private mutating func object(_ record: SignatureType.Record) -> String {
        var members: [String] = []
        for field in record.fields {
            if chance(field.type.isOptional ? 3 : 40) { continue }
            members.append(key(field.name.text) + value(field.type))
            // An earlier member with the same key, which does not count.
            if chance(8) { members.insert(key(field.name.text) + anything(2), at: 0) }
        }
        if chance(record.isOpen ? 2 : 40) { members.append(key(one(of: Self.names + ["unknown", ""])) + anything(2)) }
        if chance(3) { members.shuffle(using: &random) }
        return list("{", "}", members)
    }

    private mutating func key(_ name: String) -> String {
        var text = name
        if chance(6), let first = name.utf8.first {
            let code = String(first, radix: 16)
            text = "\\u00" + (code.utf8.count < 2 ? "0" : "") + code + name.dropFirst()
        }
        return "\"\(text)\"" + one(of: [":", ":", " : "])
    }

    private mutating func numberText() -> String {
        let sign = one(of: ["", "", "-"])
        let whole = one(of: [
            "0", "1", "2147483647", "2147483648", "4294967295", "4294967296", "9223372036854775807",
            "9223372036854775808", "18446744073709551615", "18446744073709551616",
            "340282356779733661637539395458142568448",
            String(number(below: 1000)),
        ])
        let fraction = one(of: ["", "", "", ".0", ".5", ".00", ".25"])
        let exponent = one(of: [
            "", "", "", "e0", "E+2", "e-2", "e1", "e37", "e38", "e308", "e309", "e400", "e-400",
            "e99999999999999999999",
        ])
        return sign + whole + fraction + exponent
    }

    private mutating func stringText() -> String {
        one(of: [
            #""""#, #""text""#, #""a longer text, in which nothing is escaped""#, #""\u0000""#, #""\\u0000""#,
            #""\"]}""#,
            #""é😀\ud83d\ude00\ud800""#, #""AAEC""#, #""AA==""#, #""A\/\u002B=""#, #""[{\\""#,
        ])
    }
}
