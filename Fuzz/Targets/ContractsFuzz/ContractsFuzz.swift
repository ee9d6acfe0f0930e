import FuzzSupport
import RawJSON
import Signatures
import Support

/// The input is `options signature FF JSON`, where options is one byte: bit 0 is the form of bytes, the bits above are
/// the number of attachments.
@c(LLVMFuzzerTestOneInput)
public func fuzz(_ start: UnsafeRawPointer?, _ count: Int) -> CInt {
    var script = ByteScript(UnsafeRawBufferPointer(start: start, count: count))
    let options = script.byte()
    let text = script.bytes(upTo: 0xFF)
    let json = script.remainder()
    guard let signature = text.withUnsafeBytes({ try? Signature($0) }) else { return 0 }
    let reference = ReferenceContract(
        signature: signature, attachments: Int(options >> 1 & 3), binary: options & 1 == 0 ? .attachment : .base64)
    checkArguments(json, reference)
    checkResult(json, reference)
    return 0
}

private func checkArguments(_ json: [UInt8], _ reference: ReferenceContract) {
    let contract = Contract(reference.signature)
    let found = withExactCopy(of: json) { json in
        contract.checkArguments(
            UnsafeRawBufferPointer(json), attachments: reference.attachments, binary: reference.binary)
    }
    checkWords(found)
    // What is not JSON may get any answer, but does no harm.
    guard let value = try? JSONValue(parsing: json) else { return }
    guard let values = value.array else { return require(found != nil, "only an array is accepted as arguments") }
    switch reference.arguments(values) {
    case .valid: require(found == nil, "valid arguments are accepted: \(found?.description ?? "")")
    case .tooMany: require(found != nil && found?.argument == nil, "too many arguments are refused")
    case .argument(let index): require(found?.argument == index, "argument \(index) is refused")
    }
}

private func checkResult(_ json: [UInt8], _ reference: ReferenceContract) {
    let contract = Contract(reference.signature)
    let found = withExactCopy(of: json) { json in
        contract.checkResult(
            UnsafeRawBufferPointer(json), attachments: reference.attachments, binary: reference.binary)
    }
    checkWords(found)
    guard let value = try? JSONValue(parsing: json) else { return }
    let isValid = reference.signature.result.map { reference.accepts(value, $0) } ?? (value == .null)
    require((found == nil) == isValid, "a result is accepted exactly if it is valid")
}

private func checkWords(_ violation: ContractViolation?) {
    guard let violation else { return }
    // A path has at most 16 names of 64 bytes; a type is shown with at most 64 bytes.
    require(violation.description.utf8.count <= 2048, "a violation is short")
}
