import Glibc
import Support

/// A compiled POSIX extended regular expression.
///
/// `@unchecked Sendable`: the compiled expression is written by `init` and freed by `deinit` only, and glibc's `regexec` takes it as
/// constant and guards the state it builds lazily with a lock of its own, so any number of threads may match at once.
final class NamespacePattern: @unchecked Sendable {
    private let compiled: UnsafeMutablePointer<regex_t>

    init(_ expression: ByteString) throws(NamespaceTableError) {
        let compiled = UnsafeMutablePointer<regex_t>.allocate(capacity: 1)
        let status = regcomp(compiled, expression.text, REG_EXTENDED | REG_NOSUB)
        guard status == 0 else {
            defer { compiled.deallocate() }
            throw .malformedPattern(expression, reason: Self.message(status, compiled))
        }
        self.compiled = compiled
    }

    deinit {
        regfree(compiled)
        compiled.deallocate()
    }

    func matches(_ name: ByteString) -> Bool {
        regexec(compiled, name.text, 0, nil, 0) == 0
    }

    private static func message(_ status: Int32, _ compiled: UnsafePointer<regex_t>) -> String {
        let size = regerror(status, compiled, nil, 0)
        return withUnsafeTemporaryAllocation(of: CChar.self, capacity: size) { buffer in
            regerror(status, compiled, buffer.baseAddress, size)
            return String(cString: buffer.baseAddress!)
        }
    }
}
