import Support

/// Times as the host writes them. A plugin needs to import nothing but this module.
public typealias RFC3339 = Support.RFC3339
