/// Ends the process if a rule does not hold: libFuzzer then keeps the input, and prints the stack.
@inline(never)
public func require(
    _ condition: Bool, _ rule: @autoclosure () -> String, file: StaticString = #fileID, line: UInt = #line
) {
    // The one place of this package that is meant to crash: a broken rule is a finding.
    if !condition { fatalError("broken rule: \(rule())", file: file, line: line) }
}
