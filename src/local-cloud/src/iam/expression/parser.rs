//! Reads an expression. What it does not know, it refuses by name.

use serde_json::{Value, json};

use super::{
    Comparison, Node, Test,
    tokens::{Token, tokens},
};

/// What an expression can look at.
pub(super) const NAMES: [&str; 9] = [
    "api_key",
    "now",
    "operation",
    "parameters",
    "resource",
    "resources",
    "service",
    "source_ip",
    "zone",
];

/// What `resources` has: the kinds that are served here, and those of other products.
const KINDS: [&str; 29] = [
    "anti_affinity_group",
    "api_key",
    "block_storage_snapshot",
    "block_storage_volume",
    "bucket",
    "dbaas_integration",
    "dbaas_service",
    "deploy_target",
    "dns_domain",
    "dns_domain_record",
    "elastic_ip",
    "iam_role",
    "instance",
    "instance_pool",
    "instance_type",
    "kms_key",
    "load_balancer",
    "object",
    "operation",
    "organization",
    "private_network",
    "security_group",
    "sks_cluster",
    "sks_nodepool",
    "snapshot",
    "ssh_key",
    "template",
    "user",
    "zone",
];

/// How deep parts may be in one another.
const DEPTH: usize = 32;

/// How many fields may follow one another.
const CHAIN: usize = 8;

type Parsed = Result<Node, String>;

/// What kind of value a part has, as far as that can be said beforehand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Truth,
    Other,
    Unknown,
}

pub(super) fn parse(text: &str) -> Parsed {
    let mut parser = Parser {
        tokens: tokens(text)?.into_iter().peekable(),
        depth: 0,
    };
    if parser.tokens.peek().is_none() {
        return Err("it is empty".to_owned());
    }
    let root = parser.any()?;
    match parser.tokens.next() {
        None => truth(root),
        Some(token) => Err(format!("{} is not expected there", token.shown())),
    }
}

struct Parser {
    tokens: std::iter::Peekable<std::vec::IntoIter<Token>>,
    depth: usize,
}

impl Parser {
    fn any(&mut self) -> Parsed {
        self.deeper(|parser| parser.chain("||", Self::all, Node::Any))
    }

    fn all(&mut self) -> Parsed {
        self.chain("&&", Self::relation, Node::All)
    }

    fn chain(
        &mut self,
        sign: &'static str,
        part: fn(&mut Self) -> Parsed,
        make: fn(Vec<Node>) -> Node,
    ) -> Parsed {
        let first = part(self)?;
        if !self.sees(sign) {
            return Ok(first);
        }
        let mut parts = vec![truth(first)?];
        while self.takes(sign) {
            parts.push(truth(part(self)?)?);
        }
        Ok(make(parts))
    }

    fn relation(&mut self) -> Parsed {
        let left = self.unary()?;
        if self.tokens.peek() == Some(&Token::Word("in".to_owned())) {
            self.tokens.next();
            let right = self.unary()?;
            return member(left, right);
        }
        let comparison = match self.tokens.peek() {
            Some(Token::Sign("==")) => Comparison::Equal,
            Some(Token::Sign("!=")) => Comparison::NotEqual,
            Some(Token::Sign("<")) => Comparison::Less,
            Some(Token::Sign("<=")) => Comparison::AtMost,
            Some(Token::Sign(">")) => Comparison::Greater,
            Some(Token::Sign(">=")) => Comparison::AtLeast,
            _ => return Ok(left),
        };
        self.tokens.next();
        let right = self.unary()?;
        Ok(Node::Compare(comparison, left.into(), right.into()))
    }

    fn unary(&mut self) -> Parsed {
        if self.takes("!") {
            let inner = self.deeper(Self::unary)?;
            return Ok(Node::Not(truth(inner)?.into()));
        }
        if self.takes("-") {
            return match self.tokens.next() {
                Some(Token::Number(number)) => Ok(Node::Literal(json!(-number))),
                _ => Err("`-` is known before a number only".to_owned()),
            };
        }
        let mut node = self.primary()?;
        for _ in 0..=CHAIN {
            node = if self.takes(".") {
                self.selection(node)?
            } else if self.takes("[") {
                let index = self.any()?;
                self.expects("]")?;
                if is_resources(&node) {
                    return Err("`resources[…]` is not known here: write resources.KIND".to_owned());
                }
                Node::Index(node.into(), index.into())
            } else {
                return Ok(node);
            };
        }
        Err(too_deep())
    }

    /// What follows a dot.
    fn selection(&mut self, node: Node) -> Parsed {
        let name = match self.tokens.next() {
            Some(Token::Word(name)) => name,
            Some(token) => return Err(format!("{} is no name of a field", token.shown())),
            None => return Err(too_early()),
        };
        if !self.takes("(") {
            if is_resources(&node) {
                known_kind(&name)?;
            }
            return Ok(Node::Field(node.into(), name));
        }
        let test = match name.as_str() {
            "startsWith" => Test::StartsWith,
            "endsWith" => Test::EndsWith,
            "contains" => Test::Contains,
            "has" => {
                let field = self.any()?;
                self.expects(")")?;
                if is_resources(&node) {
                    known_kind_in(&field)?;
                }
                return Ok(Node::Has(node.into(), field.into()));
            }
            "size" => {
                self.expects(")")?;
                return Ok(Node::Size(node.into()));
            }
            _ => return Err(unknown_function(&name)),
        };
        let argument = self.any()?;
        self.expects(")")?;
        Ok(Node::Test(test, node.into(), argument.into()))
    }

    fn primary(&mut self) -> Parsed {
        match self.tokens.next() {
            None => Err(too_early()),
            Some(Token::Text(text)) => Ok(Node::Literal(json!(text))),
            Some(Token::Number(number)) => Ok(Node::Literal(json!(number))),
            Some(Token::Sign("(")) => {
                let inner = self.any()?;
                self.expects(")")?;
                Ok(inner)
            }
            Some(Token::Sign("[")) => self.list(),
            Some(Token::Word(word)) => self.word(&word),
            Some(token) => Err(format!("{} is not expected there", token.shown())),
        }
    }

    fn list(&mut self) -> Parsed {
        let mut items = Vec::new();
        while !self.takes("]") {
            if !items.is_empty() {
                self.expects(",")?;
            }
            items.push(self.any()?);
        }
        Ok(Node::List(items))
    }

    fn word(&mut self, word: &str) -> Parsed {
        match word {
            "true" => return Ok(Node::Literal(json!(true))),
            "false" => return Ok(Node::Literal(json!(false))),
            "null" => return Ok(Node::Literal(Value::Null)),
            _ => {}
        }
        if !self.takes("(") {
            let name = NAMES.into_iter().find(|name| *name == word);
            let known = NAMES.join(", ");
            return name
                .map(Node::Name)
                .ok_or_else(|| format!("`{word}` is not known here, only {known}"));
        }
        if !["has", "size"].contains(&word) {
            return Err(unknown_function(word));
        }
        let argument = self.any()?;
        self.expects(")")?;
        match (word, argument) {
            ("size", argument) => Ok(Node::Size(argument.into())),
            (_, Node::Field(node, name)) => Ok(Node::Has(node, Node::Literal(json!(name)).into())),
            _ => Err("`has` needs a field such as parameters.name".to_owned()),
        }
    }

    fn sees(&mut self, sign: &'static str) -> bool {
        self.tokens.peek() == Some(&Token::Sign(sign))
    }

    fn takes(&mut self, sign: &'static str) -> bool {
        let sees = self.sees(sign);
        if sees {
            self.tokens.next();
        }
        sees
    }

    fn expects(&mut self, sign: &'static str) -> Result<(), String> {
        if self.takes(sign) {
            return Ok(());
        }
        match self.tokens.peek() {
            Some(token) => Err(format!("{} stands where `{sign}` must", token.shown())),
            None => Err(too_early()),
        }
    }

    fn deeper(&mut self, read: impl FnOnce(&mut Self) -> Parsed) -> Parsed {
        self.depth += 1;
        let node = if self.depth > DEPTH {
            Err(too_deep())
        } else {
            read(self)
        };
        self.depth -= 1;
        node
    }
}

/// A part that must be true or false.
fn truth(node: Node) -> Parsed {
    if kind(&node) == Kind::Other {
        Err("a part of it is not true or false".to_owned())
    } else {
        Ok(node)
    }
}

fn kind(node: &Node) -> Kind {
    match node {
        Node::Literal(Value::Bool(_)) => Kind::Truth,
        Node::Literal(_) | Node::Name(_) | Node::List(_) | Node::Size(_) => Kind::Other,
        Node::Field(..) | Node::Index(..) => Kind::Unknown,
        _ => Kind::Truth,
    }
}

fn member(left: Node, right: Node) -> Parsed {
    match &right {
        Node::List(_) | Node::Field(..) | Node::Index(..) | Node::Name("parameters") => {}
        Node::Name("resource" | "resources") => known_kind_in(&left)?,
        _ => return Err("`in` needs a list at its right".to_owned()),
    }
    Ok(Node::In(left.into(), right.into()))
}

fn is_resources(node: &Node) -> bool {
    matches!(node, Node::Name("resource" | "resources"))
}

fn known_kind(name: &str) -> Result<(), String> {
    if KINDS.contains(&name) {
        Ok(())
    } else {
        Err(format!("`resources.{name}` is not known here"))
    }
}

fn known_kind_in(node: &Node) -> Result<(), String> {
    match node {
        Node::Literal(Value::String(name)) => known_kind(name),
        _ => Err("`resources` takes a kind in quotes only".to_owned()),
    }
}

fn unknown_function(name: &str) -> String {
    format!(
        "the function `{name}` is not known here, only has, size, startsWith, endsWith, contains"
    )
}

fn too_early() -> String {
    "it ends too early".to_owned()
}

fn too_deep() -> String {
    format!(
        "it is too deep: at most {DEPTH} parts may be in one another, and {CHAIN} fields in a row"
    )
}
