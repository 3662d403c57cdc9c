package main

// patterns are what log pipelines commonly search for, in the common subset of
// RE2 and Hyperscan. A match is a finding: neither engine validates.
var patterns = []string{
	`\b(?:\d[ -]?){12,18}\d\b`,                                                        // card number
	`\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?\b`,                     // IBAN
	`\b\d{3}-\d{2}-\d{4}\b`,                                                           // US social security number
	`\b[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}\b`,                              // e-mail
	`(?:\+\d{1,3}[ .-]?)?\(?\d{3}\)?[ .-]?\d{3}[ .-]?\d{4}\b`,                         // telephone, North America
	`\+\d{1,3}(?:[ .-]?\d{2,4}){2,5}\b`,                                               // telephone, international
	`\b(?:\d{1,3}\.){3}\d{1,3}\b`,                                                     // IPv4
	`\b(?:[0-9A-Fa-f]{1,4}:){3,7}[0-9A-Fa-f]{1,4}\b`,                                  // IPv6
	`\b(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}\b`,                                     // MAC
	`\b[a-z]{2,10}://[^\s:/@]+:[^\s:/@]+@[^\s]+`,                                      // URL with credentials
	`\b(?:AKIA|ASIA)[A-Z0-9]{16}\b`,                                                   // AWS access key
	`\bgh[pousr]_[A-Za-z0-9]{36}\b`,                                                   // GitHub token
	`\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{5,}\b`,                // JWT
	`\b(?:sk|pk)_(?:live|test)_[A-Za-z0-9]{16,}\b`,                                    // Stripe key
	`\b(?:password|passwd|pwd|secret|token|api_key)["']?\s*[:=]\s*["']?[^\s"',;]{4,}`, // password in a log
	`-----BEGIN [A-Z ]*PRIVATE KEY-----`,                                              // private key
	`\b[13][a-km-zA-HJ-NP-Z1-9]{25,34}\b`,                                             // Bitcoin address
	`\b0x[0-9a-fA-F]{40}\b`,                                                           // Ethereum address
	`\b(?:cvv|cvc|cvv2)\W{0,3}\d{3,4}\b`,                                              // card verification code
	`\b\d{1,2}/\d{1,2}/\d{2,4}\b`,                                                     // date
	`\b[A-Z]{6}[A-Z0-9]{2}(?:[A-Z0-9]{3})?\b`,                                         // SWIFT
	`\b\d{5}(?:-\d{4})\b`,                                                             // ZIP+4
}
