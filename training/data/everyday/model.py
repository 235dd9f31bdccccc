"""Recipes for scikit-learn: features and target, a split, a model, its predictions and their score."""

from __future__ import annotations

from training.data.everyday.recipe import Recipe

SPLIT = (
    Recipe({"X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=<0.2|0.2|0.2|0.25|0.3>"
            ", random_state=42)":
            "Split the data | Split into training and test sets | Make a train test split"}, 10),
    Recipe({"X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=<0|1|42>)":
            "Split the data", "print(X_train.shape, X_test.shape)": "Print the shapes | Check the sizes"}, 5),
    Recipe({"X_train, X_test, y_train, y_test = train_test_split(\n    X, y, test_size=<0.2|0.3>"
            ", random_state=42, stratify=y\n)":
            "Split the data and keep the class shares"}, 2, "classes"),
)
COLUMNS = (
    Recipe({'X = $df[["$feature", "$feature2"]]\ny = $df["$target"]':
            "Choose features and target | Use $feature and $feature2 as features"}, 6),
    Recipe({'features = ["$feature", "$feature2"]': "List the features", 'X = $df[features]\ny = $df["$target"]':
            "Make X and y"}, 4),
    Recipe({'target = "$target"': "Name the target", "X = $df.drop(columns=[target])\ny = $df[target]":
            "Separate the target"}, 2),
    Recipe({'X = $df.drop("$target", axis=1)\ny = $df["$target"]': "Separate features and target"}, 4),
)
TOYS = (
    Recipe({"iris = load_iris()": "Load the iris data", "X = iris.data\ny = iris.target": "Take features and target"},
            3),
    Recipe({"X, y = <load_iris|load_wine|load_digits>(return_X_y=True)": "Load a data set"}, 3),
    Recipe({"X, y = make_classification(n_samples=<100|500|1000>, n_features=<4|10|20>, random_state=<0|42>)":
            "Make data for classification"}, 2),
)
SCALE = (
    Recipe({"scaler = StandardScaler()": "Make a scaler",
            "X_train = scaler.fit_transform(X_train)\nX_test = scaler.transform(X_test)": "Scale the features"}, 4),
    Recipe({"scaler = <StandardScaler|MinMaxScaler>()\nX_train_scaled = scaler.fit_transform(X_train)":
            "Scale the training data",
            "X_test_scaled = scaler.transform(X_test)": "Scale the test data too"}, 3),
    Recipe({'imputer = SimpleImputer(strategy="<mean|median>")\nX_train = imputer.fit_transform(X_train)\n'
            "X_test = imputer.transform(X_test)": "Fill missing feature values"}, 1.5),
)
FIT = "Fit the model | Train the model | Train it on the training data"
PREDICT = "Predict on the test set | Make predictions | Predict the test data"
REGRESSORS = (
    "LinearRegression() | LinearRegression() | LinearRegression() | Ridge(alpha=1.0) | Lasso(alpha=0.1) | "
    "RandomForestRegressor(random_state=42) | RandomForestRegressor(n_estimators=100) | "
    "KNeighborsRegressor(n_neighbors=5) | "
    "DecisionTreeRegressor(max_depth=5)"
)
CLASSIFIERS = (
    "LogisticRegression() | LogisticRegression(max_iter=1000) | RandomForestClassifier() | "
    "RandomForestClassifier(n_estimators=100, random_state=42) | KNeighborsClassifier(n_neighbors=5) | SVC() | "
    "DecisionTreeClassifier(max_depth=3) | DecisionTreeClassifier() | GradientBoostingClassifier()"
)


def fitting(makers: str) -> tuple[Recipe, ...]:
    """Return recipes that train one of the models and predict with it as `y_pred`."""
    names = {"maker": makers, "m": "model | model | model | estimator"}
    return (
        Recipe({"$m = $maker": "Make a model | Create the model", "$m.fit(X_train, y_train)": FIT,
                "y_pred = $m.predict(X_test)": PREDICT}, 7, names=names),
        Recipe({"$m = $maker\n$m.fit(X_train, y_train)": "Make and train a model | " + FIT,
                "y_pred = $m.predict(X_test)": PREDICT}, 5, names=names),
        Recipe({"$m = $maker\n$m.fit(X_train, y_train)\ny_pred = $m.predict(X_test)": "Train a model and predict"}, 4,
            names=names),
        Recipe({'def train_model(X_train, y_train):\n    """Return a trained model."""\n    model = $maker\n'
                "    model.fit(X_train, y_train)\n    return model": "Write a function that trains a model",
                "model = train_model(X_train, y_train)": "Train the model", "y_pred = model.predict(X_test)": PREDICT},
               3, names=names),
        Recipe({"$m = make_pipeline(StandardScaler(), $maker)": "Make a pipeline with scaling",
                "$m.fit(X_train, y_train)\ny_pred = $m.predict(X_test)": "Train the pipeline and predict"}, 2,
            names=names),
    )


FIT_REGRESSION = fitting(REGRESSORS)
FIT_CLASSES = fitting(CLASSIFIERS)
REGRESSION_SCORES = (
    Recipe({"mse = mean_squared_error(y_test, y_pred)": "Compute the mean squared error", 'print(f"MSE: {mse:.3f}")':
            "Print it"}, 5),
    Recipe({"mse = mean_squared_error(y_test, y_pred)\nr2 = r2_score(y_test, y_pred)": "Compute error and R squared",
            'print(f"MSE: {mse:.2f}")\nprint(f"R2: {r2:.2f}")': "Print the scores"}, 5),
    Recipe({"rmse = np.sqrt(mean_squared_error(y_test, y_pred))\nprint(\"RMSE:\", rmse)":
            "Print the root mean squared error"}, 3),
    Recipe({"print(mean_absolute_error(y_test, y_pred))\nprint(mean_squared_error(y_test, y_pred))\n"
            "print(r2_score(y_test, y_pred))":
            "Print the scores"}, 3),
    Recipe({'plt.scatter(y_test, y_pred)\nplt.xlabel("Actual")\nplt.ylabel("Predicted")\nplt.show()':
            "Plot predictions against truth"}, 4),
    Recipe({"residuals = y_test - y_pred": "Compute the residuals", "plt.hist(residuals, bins=20)\nplt.show()":
            "Plot them"}, 3),
)
CLASS_SCORES = (
    Recipe({"accuracy = accuracy_score(y_test, y_pred)": "Compute the accuracy",
            'print(f"Accuracy: {accuracy:.<2f|3f|2%>}")': "Print the accuracy"}, 8),
    Recipe({'print("Accuracy:", accuracy_score(y_test, y_pred))': "Print the accuracy"}, 4),
    Recipe({"print(classification_report(y_test, y_pred))": "Print a report"}, 4),
    Recipe({"cm = confusion_matrix(y_test, y_pred)": "Compute the confusion matrix",
            'sns.heatmap(cm, annot=True, fmt="d")\nplt.xlabel("Predicted")\nplt.ylabel("Actual")\nplt.show()':
            "Draw it"}, 3),
    Recipe({"correct = (y_pred == y_test).sum()": "Count correct predictions",
            'print(f"{correct} of {len(y_test)} correct")': "Print the count"}, 2),
)
OTHER = (
    Recipe({"kmeans = KMeans(n_clusters=<3|4|5>, random_state=<0|42>)": "Make a clustering",
            "labels = kmeans.fit_predict(X)":
            "Cluster the data", "plt.scatter(X[:, 0], X[:, 1], c=labels)\nplt.show()": "Plot the clusters"}, 3),
    Recipe({"pca = PCA(n_components=2)": "Reduce to two dimensions", "X_pca = pca.fit_transform(X)": "Apply it",
            "plt.scatter(X_pca[:, 0], X_pca[:, 1], c=y)\nplt.show()": "Plot the components"}, 3),
    Recipe({"scores = cross_val_score(LogisticRegression(max_iter=1000), X, y, cv=<5|10|3>)": "Cross-validate a model",
            'print(f"Mean score: {scores.mean():.3f}")': "Print the mean score"}, 3),
    Recipe({"scores = {}\nfor k in range(1, 10):\n    model = KNeighborsClassifier(n_neighbors=k)\n"
            "    scores[k] = cross_val_score(model, X, y, cv=5).mean()": "Try several values of k",
            "best = max(scores, key=scores.get)\nprint(best, scores[best])": "Print the best"}, 2),
    Recipe({'grid = GridSearchCV(SVC(), {"C": [0.1, 1, 10]}, cv=5)': "Make a grid search", "grid.fit(X, y)":
            "Run the search",
            "print(grid.best_params_, grid.best_score_)": "Print the best parameters"}, 2),
)
