import FuzzSupport
import Identity
import RawJSON

/// The first byte tells what the rest is: a token, claims to sign and then change, or key material.
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
