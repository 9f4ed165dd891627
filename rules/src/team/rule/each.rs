//! `each`: one result for each item of a list.

use crate::team::expression::Expression;
use crate::team::kinds::{Compiling, WrittenCheck};
use crate::team::types::Type;
use crate::team::yaml::RuleError;

/// One result for each item of a list.
#[derive(Debug)]
pub struct Each {
    pub(in crate::team) list: Expression,
    pub(in crate::team) name: String,
    pub(in crate::team) key: Expression,
}

impl Each {
    pub(super) fn of(compiling: &Compiling<'_>, check: &WrittenCheck) -> Result<Option<Self>, RuleError> {
        let alone = |value: Option<&crate::team::yaml::At<String>>, what: &str| match value {
            None => Ok(()),
            Some(value) => {
                let message = format!("`{what}` goes with `each`");
                Err(compiling.error(&value.span, message, Some("add `each:`, the list that has the items")))
            }
        };
        let Some(list) = &check.each else {
            alone(check.name.as_ref(), "as")?;
            alone(check.key.as_ref(), "key")?;
            return Ok(None);
        };
        let (Some(name), Some(key)) = (&check.name, &check.key) else {
            let help =
                "`as: wp` names an item in expressions; `key: wp.id` tells items apart from run to run";
            return Err(compiling.error(&list.span, "`each` needs `as` and `key`", Some(help)));
        };
        if let Some(item) = &check.item {
            let help = "with `each`, `key:` says what a result is about";
            return Err(compiling.error(&item.span, "`item` does not go with `each`", Some(help)));
        }
        let expression = compiling.expression(list)?;
        if !matches!(expression.gives(), Type::List(_) | Type::Any) {
            let message = format!("this gives {}, and not a list", expression.gives().in_words());
            return Err(compiling.error(&list.span, message, None));
        }
        let mut inside = compiling.names.clone();
        inside.add(name.value.clone(), expression.gives().element());
        let key = Compiling { names: &inside, ..*compiling }.expression(key)?;
        Ok(Some(Self { list: expression, name: name.value.clone(), key }))
    }
}
