import Foundation
import FuzzSupport
import RawJSON

/// Rules for the scanner, the walkers and the tree, for any bytes.
enum DocumentRules {
    static func check(_ document: [UInt8]) {
        let isValid = withExactCopy(of: document) { JSONScanner.isValid(UnsafeRawBufferPointer($0)) }
        require(
            isValid == ReferenceGrammar.accepts(document, depth: JSONScanner.maximumDepth),
            "the scanner accepts what the grammar accepts")
        withExactCopy(of: document) { bytes in
            let bytes = UnsafeRawBufferPointer(bytes)
            do throws(JSONSyntaxError) {
                let token = try JSONScanner.document(bytes)
                require(isValid, "an invalid document has no token")
                require(
                    !token.range.isEmpty && token.range.upperBound <= bytes.count, "a token lies within its document")
            } catch {
                require(!isValid, "a valid document has a token, not \(error)")
                require(
                    (0...bytes.count).contains(error.offset),
                    "an error lies within its document, not at \(error.offset)")
            }
            for start in 0..<min(bytes.count, 64) {
                guard let end = JSONScanner.endOfValue(in: bytes, from: start) else { continue }
                require(end > start && end <= bytes.count, "a value lies within its document")
                let value = UnsafeRawBufferPointer(rebasing: bytes[start..<end])
                // A value is a document. A number may end early: `01` is read as 0 and 1.
                require(
                    withExactCopy(of: value) { JSONScanner.isValid(UnsafeRawBufferPointer($0)) },
                    "a value that was found is a valid document")
            }
        }
        checkTree(document, isValid: isValid)
        checkFoundation(document, isValid: isValid)
    }

    private static func checkTree(_ document: [UInt8], isValid: Bool) {
        guard let tree = try? JSONValue(parsing: document) else {
            return require(!isValid, "a valid document is a tree")
        }
        require(isValid, "only a valid document becomes a tree")
        let written = tree.serialized
        require((try? JSONValue(parsing: written)) == tree, "a tree survives being written and read")
    }

    /// If Foundation accepts a valid document, it reads the same value. Foundation also accepts trailing commas, and
    /// refuses unpaired surrogates and large numbers.
    private static func checkFoundation(_ document: [UInt8], isValid: Bool) {
        // Foundation takes a document with null bytes for UTF-16 or UTF-32.
        guard isValid, !document.contains(0), let ours = try? JSONValue(parsing: document), !isPeculiar(ours) else {
            return
        }
        guard let theirs = try? JSONSerialization.jsonObject(with: Data(document), options: .fragmentsAllowed) else {
            return
        }
        require(isEqual(ours, theirs), "Foundation reads the same")
    }

    /// Whether a value has numbers that a Double cannot hold, or duplicate keys.
    private static func isPeculiar(_ value: JSONValue) -> Bool {
        switch value {
        case .number: !(value.number.map { $0.double.isFinite && abs($0.double) < 1e15 } ?? false)
        case .array(let elements): elements.contains(where: isPeculiar)
        case .object(let members):
            members.contains { isPeculiar($0.value) } || Set(members.map(\.key)).count != members.count
        case .null, .bool, .string: false
        }
    }

    private static func isEqual(_ ours: JSONValue, _ theirs: Any) -> Bool {
        switch (ours, theirs) {
        case (.null, is NSNull): true
        case (.bool(let ours), let theirs as NSNumber): ours == theirs.boolValue
        case (.number, let theirs as NSNumber):
            // Foundation's numbers with many digits sometimes differ by one unit in the last place.
            ours.number.map { abs($0.double - theirs.doubleValue) <= abs($0.double) * 1e-14 } ?? false
        case (.string(let ours), let theirs as String): ours.utf8.elementsEqual(theirs.utf8)
        case (.array(let ours), let theirs as [Any]):
            ours.count == theirs.count && zip(ours, theirs).allSatisfy(isEqual)
        case (.object(let ours), let theirs as [String: Any]):
            // `String` keys are equal if they are canonically equivalent; keys here are equal if their bytes are.
            theirs.count > ours.count
                ? false
                : theirs.count < ours.count
                    || ours.allSatisfy { member in theirs[member.key.text].map { isEqual(member.value, $0) } ?? false }
        default: false
        }
    }
}
