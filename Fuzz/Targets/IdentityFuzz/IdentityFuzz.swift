import FuzzSupport
import Identity
import RawJSON

/// The first byte selects how the rest is used: as a token (`t`), as claims to sign and then change (`s`), or as key
/// material (`k`).
@c(LLVMFuzzerTestOneInput)
public func fuzz(_ start: UnsafeRawPointer?, _ count: Int) -> CInt {
    var script = ByteScript(UnsafeRawBufferPointer(start: start, count: count))
    switch script.byte() {
    case UInt8(ascii: "t"): TokenRules.checkArbitrary(script.remainder())
    case UInt8(ascii: "s"): TokenRules.checkSigned(&script)
    case UInt8(ascii: "k"): KeyRules.check(script.remainder())
    default: break
    }
    return 0
}
