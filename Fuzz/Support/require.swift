/// Ends the process if a rule does not hold. libFuzzer then keeps the input and prints the stack.
@inline(never)
public func require(
    _ condition: Bool, _ rule: @autoclosure () -> String, file: StaticString = #fileID, line: UInt = #line
) {
    // A crash is how libFuzzer learns about a finding. No other code of this package crashes on purpose.
    if !condition { fatalError("broken rule: \(rule())", file: file, line: line) }
}
