import FuzzSupport
import Signatures
import Support

/// The input is `signature FF signature`. No signature contains the byte FF.
@c(LLVMFuzzerTestOneInput)
public func fuzz(_ start: UnsafeRawPointer?, _ count: Int) -> CInt {
    var script = ByteScript(UnsafeRawBufferPointer(start: start, count: count))
    let first = parse(script.bytes(upTo: 0xFF))
    let second = parse(script.remainder())

    if let first {
        checkText(first)
        checkTypes(first)
    }
    if let first, let second {
        checkDifference(first, second)
        checkOrder(first, second)
    }
    return 0
}

private func parse(_ text: [UInt8]) -> Signature? {
    withExactCopy(of: text) { text in
        do throws(SignatureError) {
            return try Signature(UnsafeRawBufferPointer(text))
        } catch {
            require(
                error.column >= 1 && error.column <= text.count + 1, "an error is in the text, or just behind it")
            require(error.description.utf8.count <= 300, "an error is short")
            return nil
        }
    }
}

/// The canonical text parses to an equal signature, and is its own canonical text.
private func checkText(_ signature: Signature) {
    let text = ByteString(signature.description)
    guard let again = try? Signature(text) else { return require(false, "a canonical text is valid") }
    require(again == signature, "a canonical text parses to an equal signature")
    require(ByteString(again.description) == text, "a canonical text does not change")
    require(signature.difference(from: again) == nil, "a signature does not differ from itself")
}

private func checkDifference(_ first: Signature, _ second: Signature) {
    let (here, there) = (first.difference(from: second), second.difference(from: first))
    require((here == nil) == (there == nil), "a difference does not depend on the side")
    if first.parameters == second.parameters, first.result == second.result, first.canFail == second.canFail {
        require(here == nil, "names of functions make no difference")
    }
}

private func checkTypes(_ signature: Signature) {
    let events = [true, false].map { isFromServer in
        ClientTypes.Event(namespace: "/", name: "event", signature: signature, isFromServer: isFromServer)
    }
    let types = ClientTypes(events: events)
    // Writing must not trap.
    _ = TypeScriptTypes.text(of: types)
    _ = SwiftTypes.text(of: types)
}

/// Of two events with one name and direction, the order in which they are given does not choose.
private func checkOrder(_ first: Signature, _ second: Signature) {
    let events = [first, second].map {
        ClientTypes.Event(namespace: "/", name: "event", signature: $0, isFromServer: true)
    }
    let (types, reversed) = (ClientTypes(events: events), ClientTypes(events: events.reversed()))
    require(
        ByteString(TypeScriptTypes.text(of: types)) == ByteString(TypeScriptTypes.text(of: reversed)),
        "the order of events does not change their TypeScript types")
    require(
        ByteString(SwiftTypes.text(of: types)) == ByteString(SwiftTypes.text(of: reversed)),
        "the order of events does not change their Swift types")
}
