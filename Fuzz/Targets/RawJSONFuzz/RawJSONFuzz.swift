import FuzzSupport
import RawJSON

/// The input is `document FF pointer FF value`. No valid JSON or pointer contains the byte FF.
@c(LLVMFuzzerTestOneInput)
public func fuzz(_ start: UnsafeRawPointer?, _ count: Int) -> CInt {
    var script = ByteScript(UnsafeRawBufferPointer(start: start, count: count))
    let document = script.bytes(upTo: 0xFF)
    let pointer = script.bytes(upTo: 0xFF)
    let value = script.remainder()

    DocumentRules.check(document)
    TextRules.check(document)
    TextRules.check(value)
    PointerRules.check(pointer, in: document)
    EditRules.check(value, at: pointer, in: document)
    return 0
}
