import Foundation
import FuzzSupport
import RawJSON

/// What must hold of the scanner, the walkers and the tree for any bytes.
enum DocumentRules {
    static func check(_ document: [UInt8]) {
        let isValid = withExactCopy(of: document) { JSONScanner.isValid(UnsafeRawBufferPointer($0)) }
        require(
            isValid == ReferenceGrammar.accepts(document, depth: JSONScanner.maximumDepth),
            "the scanner takes what the grammar takes")
        withExactCopy(of: document) { bytes in
            let bytes = UnsafeRawBufferPointer(bytes)
            do throws(JSONSyntaxError) {
                let token = try JSONScanner.document(bytes)
                require(isValid, "what is no document has no token")
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
                // A number may be cut short by what follows, `01` being 0 and 1; everything else
                // is a document of its own.
                require(
                    withExactCopy(of: value) { JSONScanner.isValid(UnsafeRawBufferPointer($0)) },
                    "a value found is a document")
            }
        }
        checkTree(document, isValid: isValid)
        checkFoundation(document, isValid: isValid)
    }

    private static func checkTree(_ document: [UInt8], isValid: Bool) {
        guard let tree = try? JSONValue(parsing: document) else {
            return require(!isValid, "a valid document is a tree")
        }
        require(isValid, "a tree comes of a valid document only")
        let written = tree.serialized
        require((try? JSONValue(parsing: written)) == tree, "a tree survives being written and read")
    }

    /// What Foundation reads and is valid means the same to both. It takes commas at the end, and refuses half
    /// surrogates and large numbers.
    private static func checkFoundation(_ document: [UInt8], isValid: Bool) {
        // It guesses UTF-16 and UTF-32 from null bytes.
        guard isValid, !document.contains(0), let ours = try? JSONValue(parsing: document), !isPeculiar(ours) else {
            return
        }
        guard let theirs = try? JSONSerialization.jsonObject(with: Data(document), options: .fragmentsAllowed) else {
            return
        }
        require(isEqual(ours, theirs), "Foundation reads the same")
    }

    /// Numbers that a Double cannot hold, and keys given twice.
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
            // Foundation's numbers with many digits are off by a unit in the last place now and then.
            ours.number.map { abs($0.double - theirs.doubleValue) <= abs($0.double) * 1e-14 } ?? false
        case (.string(let ours), let theirs as String): ours.utf8.elementsEqual(theirs.utf8)
        case (.array(let ours), let theirs as [Any]):
            ours.count == theirs.count && zip(ours, theirs).allSatisfy(isEqual)
        case (.object(let ours), let theirs as [String: Any]):
            // String's keys are equal when they look equal; ours are when their bytes are.
            theirs.count > ours.count
                ? false
                : theirs.count < ours.count
                    || ours.allSatisfy { member in theirs[member.key.text].map { isEqual(member.value, $0) } ?? false }
        default: false
        }
    }
}
